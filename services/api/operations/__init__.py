"""For those who run it: latency, published generations, rolling back."""
