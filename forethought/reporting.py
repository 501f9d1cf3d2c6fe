"""`forethought report`: one HTML file about an evaluation, a suite of them or a training run."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from forethought.benchmarks.eval_report import write_eval_report
from forethought.benchmarks.folder import RunFolder, runs_in
from forethought.benchmarks.summary import Summary
from forethought.envs.first_error import first_error


def write_report_of(run: Path) -> tuple[Path, list[Summary]]:
    """Write `report.html` into the folder of a run; returns its path and the summaries in it.

    Raises FileNotFoundError if there is no run, ValueError if nothing in it is finished.
    """
    folders = runs_in(run)
    measured = [folder for folder in folders if folder.summary_file.is_file()]
    if (run / "config.json").is_file() and measured:
        return _training_report(run), [_summary(folder) for folder in measured]
    return write_eval_report(run / "report.html", folders)


def _training_report(run: Path) -> Path:
    from forethought.trainer.config import RunConfig
    from forethought.trainer.report import write_run_report

    file = run / "config.json"
    try:
        config = RunConfig.model_validate_json(file.read_bytes())
    except ValidationError as error:
        reason = first_error(error, whole="file")
        raise ValueError(f"{file}: not the config of a run: {reason}") from None
    # The folder may have been moved since.
    return write_run_report(config.model_copy(update={"out": run}))


def _summary(folder: RunFolder) -> Summary:
    return Summary.model_validate_json(folder.summary_file.read_bytes())
