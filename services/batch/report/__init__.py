"""The report: one page on the quality of the recommendations, and the same as JSON."""
