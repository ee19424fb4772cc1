"""For operators: latency, published generations, rollback."""
