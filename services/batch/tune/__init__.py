"""The search for better settings of factor model and blend, on data that no evaluation tests on."""
