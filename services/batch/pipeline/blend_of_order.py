"""The blend settings that fit what the interactions know of order."""

from __future__ import annotations

from services.batch.sources.order import Order
from shared.settings import BlendSettings

_DECAYS = ("recency_decay", "item_transitions_decay", "same_series_author_decay")


def blend_of_order(blend: BlendSettings, order: Order) -> BlendSettings:
    """The settings as given; without any order, all recent books of a user weigh the same."""
    return blend.model_copy(update=dict.fromkeys(_DECAYS, 1.0)) if order == "none" else blend
