"""Where untrusted commands run."""

from forethought.sandbox.artefacts import ArtefactRefused, as_snapshot, collect
from forethought.sandbox.base import (
    Backend,
    ExecResult,
    Sandbox,
    SandboxError,
    SandboxFileError,
    SandboxSpec,
    SandboxUnavailable,
)
from forethought.sandbox.calls import Calls, Case
from forethought.sandbox.check import Finding, check_sandbox
from forethought.sandbox.grade import Judge, grade
from forethought.sandbox.same import same
from forethought.sandbox.select import BackendStatus, backends, open_sandbox
from forethought.sandbox.suites import Suite, known_from_reference
from forethought.sandbox.verdict import Cause, Outcome, Verdict

__all__ = [
    "ArtefactRefused",
    "Backend",
    "BackendStatus",
    "Calls",
    "Case",
    "Cause",
    "ExecResult",
    "Finding",
    "Judge",
    "Outcome",
    "Sandbox",
    "SandboxError",
    "SandboxFileError",
    "SandboxSpec",
    "SandboxUnavailable",
    "Suite",
    "Verdict",
    "as_snapshot",
    "backends",
    "check_sandbox",
    "collect",
    "grade",
    "known_from_reference",
    "open_sandbox",
    "same",
]
