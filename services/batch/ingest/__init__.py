"""From a source to a snapshot: item indexes, events, feedback, and the data that models learn from."""
