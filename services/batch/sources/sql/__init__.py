"""Sources that are database tables, read incrementally."""
