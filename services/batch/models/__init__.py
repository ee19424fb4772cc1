"""Models of interactions: factors, item transitions, trending and popular books, top-N lists."""
