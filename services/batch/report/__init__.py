"""The report: one page that says how good what is served is, and the same as JSON."""
