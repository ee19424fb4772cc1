"""A night: the table of steps and artifacts, and running it whole or step by step."""
