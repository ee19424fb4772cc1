"""The state of the process: the served generation and Redis."""
