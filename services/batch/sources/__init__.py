"""Sources of books and interactions, behind the interface in `source`."""
