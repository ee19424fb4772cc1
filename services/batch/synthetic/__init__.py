"""Made-up data: books and readers of any number, and the readers of the demo."""
