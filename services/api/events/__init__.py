"""Events, whichever way they come in: over HTTP or from Kafka."""
