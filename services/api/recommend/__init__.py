"""One recommendation: gather, blend, explain."""
