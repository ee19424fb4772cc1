"""The `nightshelf` command: options in, one screen out. No logic of its own."""
