"""Content of books: the catalogue, embedding vectors, the vector index, clusters and the map."""
