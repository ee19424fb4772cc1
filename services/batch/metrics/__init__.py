"""Metrics of ranked lists, splits, and bootstrap intervals."""
