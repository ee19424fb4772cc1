"""Finding books: by title, by id, next to a book, popular in a genre or tribe."""
