"""The two halves of Nightshelf (`batch` by night, `api` by day) and the command that starts them."""
