"""A night: the table of steps and artifacts, run as a whole or step by step."""
