"""Events from HTTP or Kafka."""
