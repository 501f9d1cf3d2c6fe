"""What judging came to: which cases passed, and why the rest did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Why judged work failed; the one that stands first here speaks for a verdict with several."""

    MISSING_ARTEFACT = "missing_artefact"
    REFUSED_ARTEFACT = "refused_artefact"
    """It is there, but it is no plain file of an allowed size at an allowed place."""
    TAMPERED = "tampered"
    """It tried to speak in the place of what judges it."""
    OUT_OF_MEMORY = "out_of_memory"
    TOO_MUCH_OUTPUT = "too_much_output"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    """Its process ended before it answered, whatever the exit status."""
    RAISED = "raised"
    """An exception where none was due, while it was loaded too."""
    WRONG_ANSWER = "wrong_answer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One case; it passed if there is no cause."""

    case: str
    cause: Cause | None = None
    detail: str = ""
    """For logs only: it may quote what the agent must not see."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Every case's outcome. Work without a single case never passes."""

    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """Whether every case passed."""
        return bool(self.outcomes) and self.cause is None

    @property
    def cause(self) -> Cause | None:
        """The gravest cause there is."""
        return None if (gravest := self._gravest()) is None else gravest.cause

    @property
    def detail(self) -> str:
        """What is known of the gravest cause; for logs only."""
        return "" if (gravest := self._gravest()) is None else gravest.detail

    @property
    def num_passed(self) -> int:
        """Cases that passed."""
        return sum(outcome.cause is None for outcome in self.outcomes)

    @property
    def num_failed(self) -> int:
        """Cases that did not."""
        return len(self.outcomes) - self.num_passed

    def _gravest(self) -> Outcome | None:
        for cause in Cause:
            for outcome in self.outcomes:
                if outcome.cause is cause:
                    return outcome
        return None


def all_failed(cases: Sequence[str], cause: Cause, detail: str) -> Verdict:
    """The verdict on work that none of the cases can be tried on."""
    return Verdict(outcomes=tuple(Outcome(case=case, cause=cause, detail=detail) for case in cases))
