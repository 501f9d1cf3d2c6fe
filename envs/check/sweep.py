"""A sweep: environments checked one after the other; what cannot be here is passed over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forethought.envs.check.conformance import check_env
from forethought.envs.check.report import Finding, Report
from forethought.envs.registry import env_class


def sweep(env_ids: Sequence[str], *, num_seeds: int = 8) -> Iterator[Report]:
    """A report each, as soon as there is one; one with a reason in `missing` tried nothing.

    Raises ValueError for an unknown id. An environment that cannot be loaded is a finding.
    """
    for env_id in env_ids:
        try:
            needs = env_class(env_id).needs()
        except ImportError as error:
            unloaded = Finding(name="it can be loaded", ok=False, detail=str(error))
            yield Report(env=env_id, findings=(unloaded,))
            continue
        missing = [told for need in needs if (told := need.missing()) is not None]
        if missing:
            yield Report(env=env_id, findings=(), missing="; ".join(missing))
        else:
            yield check_env(env_id, num_seeds=num_seeds)
