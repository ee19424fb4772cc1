"""The gate's rule on synthetic evaluations."""

import numpy as np
import orjson
import pytest

from services.batch.evaluate.gate import judge
from services.batch.evaluate.nightly_evaluation import KEPT, DataFacts, NightlyMetrics, SplitResult
from shared.settings import GateSettings

N_USERS = 400
SIZES = {"books": 1000, "users": 2000, "interactions": 50_000}


@pytest.fixture
def evaluated(tmp_path):
    """Writes an evaluation part of these values of NDCG@10 by user, and returns its folder."""

    def write(name, values, *, ids=None, source="shop", comparable=True, content=None, **sizes):
        folder = tmp_path / name
        folder.mkdir()
        metrics = NightlyMetrics(
            comparable=comparable,
            reason=None if comparable else "Too few users.",
            n_users=len(values),
            split=SplitResult(name="t", n_training_interactions=9, n_test_interactions=1, n_test_users=len(values)),
            data=DataFacts(source=source, **{**SIZES, **sizes}),
            systems={},
        )
        (folder / "metrics.json").write_text(metrics.model_dump_json())
        ids = [f"u{number}" for number in range(len(values))] if ids is None else ids
        (folder / "users.json").write_bytes(orjson.dumps(ids))
        for file, (system, _) in KEPT.items():
            of_system = content if system == "content" and content is not None else values
            np.save(folder / f"{file}.npy", np.asarray(of_system, np.float32))
        return folder

    return write


@pytest.fixture
def ndcg():
    """NDCG@10 as it looks: most users have nothing found, some a little."""
    chance = np.random.default_rng(7)
    return np.where(chance.random(N_USERS) < 0.6, 0, chance.random(N_USERS) / 2)


def test_with_nothing_served_there_is_nothing_to_compare(evaluated, ndcg):
    verdict = judge(evaluated("new", ndcg), None, GateSettings())
    assert verdict.verdict == "no-comparison"


def test_switched_off_it_says_so(evaluated, ndcg):
    new, served = evaluated("new", ndcg * 0), evaluated("served", ndcg)
    assert judge(new, served, GateSettings(enabled=False)).verdict == "off"
    assert judge(new, served, GateSettings()).verdict == "worse"


def test_the_same_night_again_passes(evaluated, ndcg):
    verdict = judge(evaluated("new", ndcg), evaluated("served", ndcg), GateSettings())
    assert (verdict.verdict, verdict.low, verdict.high, verdict.n_users) == ("pass", 0, 0, N_USERS)
    assert verdict.value == verdict.served_value == pytest.approx(ndcg.mean(), rel=1e-6)


def test_a_loss_outside_chance_and_tolerance_is_worse(evaluated, ndcg):
    verdict = judge(evaluated("new", ndcg * 0.8), evaluated("served", ndcg), GateSettings())
    assert (verdict.verdict, verdict.metric) == ("worse", "ndcg_at_10")
    assert verdict.low < verdict.high < -0.05 * verdict.served_value
    assert f"{verdict.value:.4f} against {verdict.served_value:.4f}" in verdict.reason


def test_a_loss_within_the_tolerance_passes(evaluated, ndcg):
    new, served = evaluated("new", ndcg * 0.97), evaluated("served", ndcg)
    assert judge(new, served, GateSettings()).verdict == "pass"
    assert judge(new, served, GateSettings(tolerance=0.0)).verdict == "worse"


def test_a_loss_that_may_be_chance_passes(evaluated, ndcg):
    chance = np.random.default_rng(8)
    new = np.clip(ndcg * 0.93 + chance.normal(0, 0.3, N_USERS) * (ndcg > 0), 0, 1)
    verdict = judge(evaluated("new", new), evaluated("served", ndcg), GateSettings())
    assert verdict.verdict == "pass"
    assert verdict.low < -0.05 * verdict.served_value


def test_a_better_night_passes(evaluated, ndcg):
    assert judge(evaluated("new", ndcg * 1.5), evaluated("served", ndcg), GateSettings()).verdict == "pass"


def test_users_are_compared_by_id_whatever_their_order(evaluated, ndcg):
    order = np.random.default_rng(9).permutation(N_USERS)
    new = evaluated("new", ndcg[order], ids=[f"u{number}" for number in order.tolist()])
    verdict = judge(new, evaluated("served", ndcg), GateSettings())
    assert (verdict.verdict, verdict.low, verdict.high) == ("pass", 0, 0)


def test_users_of_one_night_only_are_left_out_of_a_paired_comparison(evaluated, ndcg):
    more = np.concatenate((ndcg, np.zeros(N_USERS // 4)))
    verdict = judge(evaluated("new", more), evaluated("served", ndcg), GateSettings())
    assert (verdict.verdict, verdict.low, verdict.high, verdict.n_users) == ("pass", 0, 0, N_USERS)


def test_other_users_are_compared_as_other_users(evaluated, ndcg):
    others = [f"other{number}" for number in range(N_USERS)]
    served = evaluated("served", ndcg)
    verdict = judge(evaluated("new", ndcg, ids=others), served, GateSettings())
    assert verdict.verdict == "pass"
    assert verdict.low < 0 < verdict.high
    assert judge(evaluated("bad", ndcg * 0.1, ids=others), served, GateSettings()).verdict == "worse"


def test_few_users_prove_little(evaluated, ndcg):
    """A loss of half the quality is significant with hundreds of users, and not with a few."""
    others = [f"other{number}" for number in range(N_USERS)]
    assert judge(evaluated("a", ndcg / 2, ids=others), evaluated("b", ndcg), GateSettings()).verdict == "worse"
    few = evaluated("c", ndcg[:12] / 2, ids=others[:12])
    assert judge(few, evaluated("d", ndcg[:12]), GateSettings()).verdict == "pass"


def test_a_half_that_collapsed_is_worse_though_the_whole_holds(evaluated, ndcg):
    served = evaluated("served", ndcg, content=ndcg / 2)
    verdict = judge(evaluated("new", ndcg, content=ndcg / 20), served, GateSettings())
    assert (verdict.verdict, verdict.metric) == ("worse", "content_ndcg_at_10")
    assert judge(evaluated("less", ndcg, content=ndcg / 2.5), served, GateSettings()).verdict == "pass"


def test_a_half_that_never_found_anything_cannot_collapse(evaluated, ndcg):
    new, served = evaluated("new", ndcg, content=ndcg * 0), evaluated("served", ndcg, content=ndcg * 0)
    assert judge(new, served, GateSettings()).verdict == "pass"


def test_too_few_users_are_no_comparison(evaluated, ndcg):
    served = evaluated("served", ndcg)
    few = evaluated("few", ndcg[:3] * 0, comparable=False)
    assert judge(few, served, GateSettings()).verdict == "no-comparison"
    assert judge(served, few, GateSettings()).verdict == "no-comparison"
    assert "Too few users." in judge(served, few, GateSettings()).reason


def test_a_renamed_source_is_compared_like_any_other(evaluated, ndcg):
    renamed = evaluated("renamed", ndcg * 0, source="export-2")
    assert judge(renamed, evaluated("served", ndcg), GateSettings()).verdict == "worse"
