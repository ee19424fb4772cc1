"""The result in one sentence, and its data in another."""

from __future__ import annotations

from services.batch.evaluate.evaluation import Evaluation, SplitResult
from services.batch.metrics.bootstrap import Interval
from services.batch.report.legend import SERVED, best_baseline, value_of

_METRIC = "ndcg_at_10"
_MAX_WITH_DECIMAL = 9.95


def headline(evaluation: Evaluation) -> str:
    """Recall of the served pipeline, and its difference from the best baseline."""
    split = evaluation.splits[0] if evaluation.splits else None
    if split is None or not split.systems[SERVED].figures:
        return "There are too few readers to measure the served recommendations."
    recall = value_of(split.systems[SERVED].figures["recall_at_20"])
    found = f"The served pipeline finds {_percent(recall)} of the test books within its first 20 places"
    return f"{found}; {_against(split)}"


def foundation(evaluation: Evaluation) -> str:
    """The data and users behind the headline."""
    if not evaluation.splits:
        return f"{evaluation.source}: {evaluation.n_books:,} books, {evaluation.n_interactions:,} interactions."
    split = evaluation.splits[0]
    return (
        f"Measured on {evaluation.source} ({evaluation.n_books:,} books, {evaluation.n_interactions:,} interactions): "
        f"{split.n_users:,} test readers (split: {split.title}) with {split.n_test_books:,} test books among all "
        "unseen books. Intervals are 95 % bootstrap intervals over readers."
    )


def _against(split: SplitResult) -> str:
    rival = best_baseline(split)
    if rival is None:
        return "no baseline is scored."
    result = split.systems[rival]
    theirs, difference = value_of(result.figures[_METRIC]), result.served_minus[_METRIC]
    name = f"the best baseline, {result.title}"
    if theirs <= 0:
        return f"{name} finds nothing (NDCG@10 {difference.value:+.4f} for the served pipeline)."
    return f"it is {_compared(difference, theirs)} than {name} (NDCG@10, {_interval(difference, theirs)})."


def _compared(difference: Interval, theirs: float) -> str:
    size = _percent(abs(difference.value) / theirs)
    if difference.low > 0:
        return f"{size} better"
    if difference.high < 0:
        return f"{size} worse"
    return f"not clearly better or worse ({_percent(difference.value / theirs, '+')})"


def _interval(difference: Interval, theirs: float) -> str:
    low, high = (_percent(bound / theirs, "+") for bound in (difference.low, difference.high))
    return f"95 % interval {low} to {high}"


def _percent(share: float, sign: str = "") -> str:
    """A share in percent, to a tenth below ten percent, with a no-break space."""
    percent = share * 100
    digits = 1 if abs(percent) < _MAX_WITH_DECIMAL else 0
    return f"{percent:{sign}.{digits}f}\N{NO-BREAK SPACE}%".replace("-", "\N{MINUS SIGN}")
