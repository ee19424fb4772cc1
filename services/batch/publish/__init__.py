"""From artifacts to a served generation: lists and user state to Redis, verification, the pointer."""
