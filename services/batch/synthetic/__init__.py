"""Synthetic data: books and ratings of any size, and the readers of the demo."""
