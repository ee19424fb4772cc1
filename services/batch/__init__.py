"""The offline half: sources in, verified artifacts and Redis lists out. Never imports the API."""
