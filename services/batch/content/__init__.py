"""Books as texts: the catalogue, their vectors, the index over them, clusters and the map."""
