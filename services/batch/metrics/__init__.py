"""Measures of lists, splits to measure on, and intervals around what is measured."""
