"""What one cell of a table means: missing, a year, a list, a name with a role, a text with HTML."""
