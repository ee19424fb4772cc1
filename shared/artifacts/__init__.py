"""The artifacts that the API opens, one class each."""
