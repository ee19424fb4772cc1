"""How a book is told from others, whatever its spelling."""
