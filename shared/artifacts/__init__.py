"""What the night writes and the API opens, one class an artifact."""
