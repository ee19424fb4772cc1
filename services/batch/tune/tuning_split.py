"""The data of a search: everything except the test part of an evaluation, split as that is.

With times and a test share of 10 %, trials train on the first 80 % of the rows and are tested on the next 10 %; the
last 10 % are not loaded.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.batch.ingest.interactions import Interactions
from services.batch.ingest.snapshot import Snapshot
from services.batch.metrics.splits import Split, split_by_order
from shared.errors import ArtifactError
from shared.settings import Settings


@dataclass(frozen=True)
class TuningSplit:
    """The split that trials are scored on.

    Attributes:
        search: the split with the test users of the trials.
        check: the split with the test users of the final check.
        n_unseen: number of interactions of the test part.
    """

    search: Split
    check: Split
    n_unseen: int


def tuning_split(snapshot: Snapshot, settings: Settings) -> TuningSplit:
    """Load the known part of a snapshot and divide its test users into two halves by user id.

    Raises:
        ArtifactError: there are too few test users.
    """
    rules, seed, share = settings.user_state, settings.evaluation.seed, settings.evaluation.test_share
    books, order = snapshot.load_books(), snapshot.manifest.source.order
    n_all = snapshot.manifest.counts.interactions
    if order == "time":
        n_known = int(n_all * (1 - share))
        known = Interactions.from_table(snapshot.load_interactions(n_known))
    else:
        whole = split_by_order(books, snapshot.interactions, rules, test_share=share, seed=seed)
        known, n_known = whole.training.interactions, len(whole.training.interactions)
    split = split_by_order(
        books, known, rules, test_share=min(0.5, share / (1 - share)), seed=seed + 1, any_history=True
    )
    n_users, n_required = len(split.rows), 2 * settings.evaluation.min_users
    if n_users < n_required:
        raise ArtifactError(
            f"Only {n_users} users like a new book in the validation part; {n_required} are needed.",
            hint="Use the defaults and tune when there are more ratings.",
        )
    search = split.sample(n_users // 2, seed=seed)
    return TuningSplit(search, split.without(search.rows), n_all - n_known)
