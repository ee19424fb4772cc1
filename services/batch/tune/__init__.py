"""The search for better settings of factor model and blend, without the test data of evaluations."""
