"""RunFolder: what an evaluation leaves on disk: its plan, its episodes, its summary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, JsonValue, ValidationError

from forethought.agents.record.log import read_log
from forethought.agents.record.trajectory import Trajectory
from forethought.benchmarks.plan import Plan
from forethought.envs.first_error import first_error


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One evaluation: `plan.json`, `episodes.jsonl` and, once it is done, `summary.json`."""

    path: Path

    @property
    def plan_file(self) -> Path:
        """The plan; written first."""
        return self.path / "plan.json"

    @property
    def log_file(self) -> Path:
        """The event log of all episodes."""
        return self.path / "episodes.jsonl"

    @property
    def summary_file(self) -> Path:
        """The summary; written last."""
        return self.path / "summary.json"

    def claim(self, plan: Plan, *, resume: bool) -> None:
        """Make this the folder of `plan`.

        Raises ValueError if it holds a run and `resume` is off, or the run of another plan.
        """
        if not self.plan_file.exists():
            write_json(self.plan_file, plan)
            return
        if not resume:
            raise ValueError(
                f"{self.path} already holds a run; give --resume to go on with it, or another --out"
            )
        unlike = self.plan().differences(plan)
        if unlike:
            raise ValueError(
                f"{self.path} holds the run of another plan ({'; '.join(unlike)}); "
                "resume with the same arguments, or give another --out"
            )

    def plan(self) -> Plan:
        """Read the plan. Raises ValueError if it is broken, FileNotFoundError if there is none."""
        try:
            return Plan.model_validate_json(self.plan_file.read_bytes())
        except ValidationError as error:
            reason = first_error(error, whole="file")
            raise ValueError(f"{self.plan_file}: not a plan: {reason}") from None

    def trajectories(self) -> list[Trajectory]:
        """Every episode begun, in the plan's order. Raises ValueError for a broken log."""
        return [found for _, found in sorted(read_log(self.log_file).items())]


def runs_in(path: Path) -> list[RunFolder]:
    """The run at `path`, or those in its sub-folders (a suite), by name.

    Raises FileNotFoundError if there is none.
    """
    candidates = [path, *sorted(path.iterdir())] if path.is_dir() else []
    found = [RunFolder(item) for item in candidates if (item / "plan.json").is_file()]
    if not found:
        raise FileNotFoundError(
            f"{path}: no run here (no plan.json); give the --out folder of `forethought eval`"
        )
    return found


def write_json(path: Path, value: BaseModel | Mapping[str, JsonValue]) -> None:
    """Write a file in one step: readers see the old content or the new, never half of it."""
    text = (
        value.model_dump_json(indent=1)
        if isinstance(value, BaseModel)
        else json.dumps(value, indent=1)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".tmp")
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(path)
