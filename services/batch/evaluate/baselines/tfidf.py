"""The content baseline: tf-idf vectors of the books' texts, without training.

Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988; the text is the embedded one.
A user's vector is the weighted sum of recent books, the newest with the highest weight, as in the served pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from services.batch.content.embed import book_text
from services.batch.evaluate.baselines.recommender import FittedRecommender, ScoreRanker
from services.batch.ingest.training_data import Training
from services.batch.runtime.progress import Progress
from shared.settings import BlendSettings


@dataclass(frozen=True)
class Tfidf:
    """Cosine of tf-idf vectors.

    Attributes:
        settings: number and decay of the recent books.
    """

    settings: BlendSettings
    name: str = "tf-idf"
    title: ClassVar[str] = "Tf-idf of texts"

    def fit(self, training: Training, *, threads: int, progress: Progress) -> FittedRecommender:  # noqa: ARG002  # the interface
        """Compute the tf-idf vectors."""
        columns = (training.books[name] for name in ("title", "authors", "genres", "description"))
        texts = [
            book_text(title, list(authors), list(genres), description)
            for title, authors, genres, description in zip(*columns, strict=True)
        ]
        words = TfidfVectorizer(stop_words="english", sublinear_tf=True, dtype=np.float32).fit_transform(texts)
        onto = words.T.tocsr()

        def scores(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            return np.asarray((_recent(training, rows, self.settings) @ words @ onto).toarray(), np.float32)

        return ScoreRanker(training, scores)


def _recent(training: Training, rows: NDArray[np.int64], settings: BlendSettings) -> csr_matrix:
    """float32, (n, n_books), sparse: the weight of each user's recent books."""
    recents = [training.recent_of(row, settings.recent_books) for row in rows.tolist()]
    lengths = np.array([len(recent) for recent in recents])
    places = np.concatenate([np.arange(n) for n in lengths.tolist()])
    weights = (settings.recency_decay**places).astype(np.float32)
    item_index = np.concatenate(recents)
    return csr_matrix((weights, (np.repeat(np.arange(len(rows)), lengths), item_index)), (len(rows), training.n_books))
