"""The order of the steps of a whole night, for the DAGs that run one."""

# A task is called with what another task will return.
# mypy: disable-error-code="arg-type"

from __future__ import annotations

from nightshelf_tasks import collect, embed, evaluate, factor, gate, index, ingest, publish, release, top_n


def whole_night(*, fresh: bool = False) -> None:
    """All steps of a night, for the DAG that is being defined; `fresh` has everything made anew."""
    begun = ingest(fresh=fresh)
    embedded = embed(begun)
    factored = factor(begun)
    listed = top_n(factored)
    indexed = index(embedded)
    listed >> indexed
    evaluated = evaluate(indexed)
    passed = gate(evaluated)
    published = publish(passed)
    collected = collect(published)
    # After every one of them: a run that failed on one branch must not give the folder back while the other works.
    [begun, embedded, factored, listed, indexed, evaluated, passed, published, collected] >> release().as_teardown()
