"""Averages and counts as people and spreadsheets write them."""

from __future__ import annotations

import re

import numpy as np

_DECIMAL_COMMA = re.compile(r"([+-]?\d+),(\d+)")
_GROUPED = re.compile(r"\d{1,3}(?:[,.'\N{RIGHT SINGLE QUOTATION MARK} \u00a0\u202f]\d{3})+")


def read_number(text: str) -> float:
    """The number in `4.5` or `4,5`; NaN if there is none."""
    try:
        return float(_DECIMAL_COMMA.sub(r"\1.\2", text) if "," in text else text)
    except ValueError:
        return np.nan


def read_count(text: str) -> float:
    """The whole number in `1234`, `1234.0`, `1,234` or `1.234.567`; NaN if there is none, or it is negative."""
    if _GROUPED.fullmatch(text):
        text = re.sub(r"\D", "", text)
    number = read_number(text)
    return float(np.floor(number)) if 0 <= number < 2**53 else np.nan
