"""The `nightshelf` command: parses options and prints results."""
