"""The page: its files, its facts, the map of books, demo readers."""
