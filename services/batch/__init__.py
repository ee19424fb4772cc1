"""The offline half: reads sources, writes verified artifacts and Redis lists. Never imports the API."""
