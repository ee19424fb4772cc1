"""The list of compared recommenders. To add a baseline, add a file in this folder and a line here."""

from __future__ import annotations

from pathlib import Path

from services.batch.evaluate.baselines.ease import Ease
from services.batch.evaluate.baselines.factor_model import FactorModel
from services.batch.evaluate.baselines.item_knn import ItemKnn
from services.batch.evaluate.baselines.plain_svd import PlainSvd
from services.batch.evaluate.baselines.popularity import MostPopular
from services.batch.evaluate.baselines.prototype import PrototypeHybrid
from services.batch.evaluate.baselines.recommender import Recommender
from services.batch.evaluate.baselines.served import Served
from services.batch.evaluate.baselines.tfidf import Tfidf
from shared.settings import CollaborativeSettings, Settings

ALS_RANK = 64


def all_recommenders(settings: Settings, content_artifact: Path | None) -> list[Recommender]:
    """All recommenders, the served pipeline first; without a content artifact only those that need none."""
    als = CollaborativeSettings(
        algorithm="als", rank=ALS_RANK, history_decay=1, history_books=1000, seed=settings.collaborative.seed
    )
    recommenders: list[Recommender] = [
        Served("served", settings, content_artifact),
        Served("served-collaborative", settings, content_artifact, "collaborative"),
        Served("served-item_transitions", settings, content_artifact, "item_transitions"),
        Served("served-same_series_author", settings, content_artifact, "same_series_author"),
    ]
    if settings.reranker.enabled:
        blended = settings.model_copy(update={"reranker": settings.reranker.model_copy(update={"enabled": False})})
        recommenders.insert(1, Served("served-blend", blended, content_artifact))
    if content_artifact is not None:
        recommenders.append(Served("served-content", settings, content_artifact, "content"))
    recommenders += [
        MostPopular(),
        ItemKnn(),
        PlainSvd(),
        FactorModel("als", "ALS (implicit)", als),
        Ease(),
    ]
    if content_artifact is not None:
        recommenders += [
            PrototypeHybrid(content_artifact),
            Tfidf(settings.blend),
        ]
    return recommenders
