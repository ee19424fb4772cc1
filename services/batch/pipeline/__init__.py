"""The served pipeline offline, and the training of its reranker."""
