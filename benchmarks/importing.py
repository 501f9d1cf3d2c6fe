"""Importing: episodes that another library recorded, as runs to be reported and viewed."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from forethought.agents.record.log import EventLog
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.record.verifiers_traces import read_traces
from forethought.benchmarks.folder import RunFolder, write_json
from forethought.benchmarks.plan import Plan


def import_traces(path: Path, *, out: Path) -> list[RunFolder]:
    """Write verifiers' traces as run folders: `out`, or one in it for each model and task set.

    Raises ValueError for a broken line, with its number, before anything is written; for a file
    without traces; and for a folder that holds a run.
    """
    runs: dict[tuple[str, str], list[Trajectory]] = defaultdict(list)
    for trajectory in read_traces(path):
        runs[trajectory.start.env, trajectory.start.model].append(trajectory)
    if not runs:
        raise ValueError(f"{path} holds no trace")
    folders = []
    for (env, model), trajectories in runs.items():
        place = out if len(runs) == 1 else out / re.sub(r"[^\w.-]+", "-", f"{env}-{model}")
        folder = RunFolder(place)
        if folder.plan_file.exists():
            raise ValueError(f"{place} already holds a run; give another --out")
        with EventLog(folder.log_file) as log:
            for trajectory in trajectories:
                log.record_all(trajectory.id, trajectory.events)
        # Last: what was killed before can be imported again.
        write_json(folder.plan_file, Plan(env=env, model=model or "unknown", n=len(trajectories)))
        folders.append(folder)
    return folders
