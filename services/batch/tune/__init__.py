"""Looking for better settings of factor model and blend, on data that evaluation does not use."""
