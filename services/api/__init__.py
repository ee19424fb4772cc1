"""The online half: one process that serves the current generation. Never imports the batch half."""
