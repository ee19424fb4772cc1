"""Texts that look like titles, for property tests, and texts that look like nothing."""

from __future__ import annotations

from hypothesis import strategies as st

ANYTHING = st.text(max_size=250)
TITLE_LIKE = st.text(" .,:;-()[]#&+*'123aAbIVİéß½本\x00\u200d🐉\ud800ن", max_size=40) | st.lists(
    st.sampled_from(
        ["The", "an", "Hobbit", "Vol.", "Volume", "02", "II", "Part", "Two", ":", "-", "(", "[", "#1)", "&", "J.R.R."]
    ),
    max_size=12,
).map(" ".join)
