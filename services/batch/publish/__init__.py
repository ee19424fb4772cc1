"""Publishing: writes lists and user state to Redis, verifies the generation, moves the pointer."""
