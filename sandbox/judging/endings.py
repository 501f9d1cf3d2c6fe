"""What the end of a judged process says about it, where it did not say enough itself."""

from __future__ import annotations

from forethought.sandbox.base import ExecResult
from forethought.sandbox.judging.verdict import Cause


def never_begun(result: ExecResult, timeout_s: float) -> str:
    """Why not even the driver could start."""
    why = f"within {timeout_s:g} s" if result.timed_out else f"(exit status {result.rc})"
    return f"no judge could start {why}: {result.text[-500:]!r}"


def why_it_ended(result: ExecResult, timeout_s: float) -> tuple[Cause, str]:
    """The cause of an end that came too early. An exit status of 0 is no excuse."""
    if result.oom_killed:
        return Cause.OUT_OF_MEMORY, "its process was killed for the memory it took"
    if result.truncated:
        return Cause.TOO_MUCH_OUTPUT, "more output than is taken"
    if result.timed_out:
        return Cause.TIMEOUT, f"no answer within {timeout_s:.3g} s"
    errors = result.stderr.decode("utf-8", "replace")[-200:]
    return Cause.CRASHED, f"exit status {result.rc} before it answered; {errors!r}"
