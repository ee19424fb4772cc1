"""The registry of factor models."""

from __future__ import annotations

from services.batch.models.factor_model import Factorizer
from services.batch.models.svd import ScaledSvd
from shared.settings import CollaborativeSettings


def open_factorizer(settings: CollaborativeSettings, *, threads: int) -> Factorizer:
    """The factor model of these settings.

    Raises:
        ModelError: its library is not installed; the hint names the extra.
    """
    if settings.algorithm == "als":
        from services.batch.models.als import ImplicitAls  # noqa: PLC0415  # needs the extra `als`

        return ImplicitAls(rank=settings.rank, seed=settings.seed, threads=threads)
    return ScaledSvd(
        rank=settings.rank,
        user_exponent=settings.user_exponent,
        book_exponent=settings.book_exponent,
        seed=settings.seed,
    )
