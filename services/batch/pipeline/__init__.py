"""The served pipeline offline, and the learning of its reranker."""
