"""What the page shows besides recommendations: its files, the map of books, demo readers."""
