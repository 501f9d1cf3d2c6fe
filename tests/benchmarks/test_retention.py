"""The retention benchmark: lossy schemes lose even for an expert, and the numbers say how much."""

from __future__ import annotations

import anyio
import pytest

from forethought.agents.compress.compressors import COMPRESSORS
from forethought.agents.engines.models import FloorModel, OracleModel, in_tokens
from forethought.agents.rollout import Model
from forethought.benchmarks.evaluate import evaluate
from forethought.benchmarks.plan import Plan
from forethought.benchmarks.retention import Retention, retention
from forethought.benchmarks.suites import SUITES
from forethought.benchmarks.summary import Summary

LOSSY = ("clear", "window", "chain")
KEEPING = ("summarise", "offload", "fold", "memory")


def measured(model: Model) -> Retention:
    async def main() -> dict[str, Summary]:
        found = {}
        for entry in SUITES["retention"]:
            assert entry.compress is not None
            assert entry.limits is not None
            plan = Plan(
                env=entry.env,
                model=model.name,
                n=3,
                horizons=entry.horizons,
                options=dict(entry.options),
                limits=entry.limits,
                compress=entry.compress,
            )
            found[entry.name] = await evaluate(plan, in_tokens(model))
        return found

    return retention(anyio.run(main))


@pytest.fixture(scope="module")
def expert() -> Retention:
    return measured(OracleModel())


def test_every_compressor_is_measured_beside_the_whole_context(expert: Retention) -> None:
    assert [row.scheme for row in expert.schemes] == ["whole", *COMPRESSORS]
    assert set(expert.accuracy) == {"whole", *COMPRESSORS}


def test_no_token_is_lost_and_no_template_drifts(expert: Retention) -> None:
    assert (expert.template_drift, expert.gradient_coverage) == (0, 1.0)


def test_with_the_whole_day_in_sight_the_expert_gets_everything_right(expert: Retention) -> None:
    (whole,) = [row for row in expert.schemes if row.scheme == "whole"]
    assert (whole.success, whole.edits, whole.saved) == (1.0, 0.0, 0.0)
    assert expert.accuracy["whole"] == {"facts": 1.0, "rules": 1.0, "errands": 1.0}


def test_what_a_scheme_throws_away_is_lost_even_for_the_expert(expert: Retention) -> None:
    rows = {row.scheme: row for row in expert.schemes}
    for scheme in LOSSY:
        assert rows[scheme].success == 0.0
        assert expert.accuracy[scheme]["errands"] == 0.0
        assert rows[scheme].filed == 1.0
        assert (rows[scheme].edits or 0) >= 1
        assert (rows[scheme].saved or 0) > 0.2


def test_schemes_that_can_keep_everything_do_so_in_the_hands_of_the_expert(
    expert: Retention,
) -> None:
    rows = {row.scheme: row for row in expert.schemes}
    for scheme in KEEPING:
        assert rows[scheme].success == 1.0, rows[scheme]
        assert (rows[scheme].edits or 0) >= 2
        assert (rows[scheme].sampled_tokens or 0) > (rows["whole"].sampled_tokens or 0)


def test_knowing_nothing_keeps_nothing() -> None:
    found = measured(FloorModel())
    assert all((row.kept or 0) <= 0.2 for row in found.schemes)


def test_nothing_to_compare_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no runs to compare"):
        retention({})
