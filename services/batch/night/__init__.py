"""A night: which artifacts a snapshot needs, and the steps that make them, whole or one by one."""
