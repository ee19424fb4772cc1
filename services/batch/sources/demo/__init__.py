"""The demo source: real books, simulated readers."""
