"""From a source to a snapshot: item indexes, events, feedback, and training data."""
