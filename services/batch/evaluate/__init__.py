"""Evaluation: comparison of recommenders, metrics, and the gate before publishing."""
