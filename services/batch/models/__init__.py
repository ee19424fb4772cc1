"""What is learned from interactions: factors, transitions, trending and popular books, each user's top N."""
