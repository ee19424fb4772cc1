"""File sources: CSV and Parquet in known layouts, or described by a mapping."""
