"""The report on recommendation quality, as an HTML page and as JSON."""
