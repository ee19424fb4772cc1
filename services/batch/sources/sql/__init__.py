"""Database sources, read incrementally."""
