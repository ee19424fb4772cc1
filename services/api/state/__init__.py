"""What the process holds: the served generation, and the way to Redis."""
