"""Where untrusted commands run."""

from forethought.sandbox.base import (
    MAX_FORK,
    MAX_SNAPSHOT,
    Backend,
    ExecResult,
    ImageBuildFailed,
    Sandbox,
    SandboxError,
    SandboxFileError,
    SandboxSpec,
    SandboxUnavailable,
)
from forethought.sandbox.checks.check import Finding, check_sandbox
from forethought.sandbox.images.chosen import BuiltImage, build_dockerfile, build_image
from forethought.sandbox.judging.artefacts import ArtefactRefused, as_snapshot, collect
from forethought.sandbox.judging.calls import Calls, Case
from forethought.sandbox.judging.grade import Judge, grade
from forethought.sandbox.judging.same import same
from forethought.sandbox.judging.suites import Suite, known_from_reference
from forethought.sandbox.judging.verdict import Cause, Outcome, Verdict
from forethought.sandbox.network.contacts import Contact
from forethought.sandbox.pool.holders import Holder, current_holder, holding
from forethought.sandbox.pool.pool import SandboxPool, shared_pool
from forethought.sandbox.pool.stats import PoolStats
from forethought.sandbox.select import BackendStatus, backends, open_sandbox, require_backend

__all__ = [
    "MAX_FORK",
    "MAX_SNAPSHOT",
    "ArtefactRefused",
    "Backend",
    "BackendStatus",
    "BuiltImage",
    "Calls",
    "Case",
    "Cause",
    "Contact",
    "ExecResult",
    "Finding",
    "Holder",
    "ImageBuildFailed",
    "Judge",
    "Outcome",
    "PoolStats",
    "Sandbox",
    "SandboxError",
    "SandboxFileError",
    "SandboxPool",
    "SandboxSpec",
    "SandboxUnavailable",
    "Suite",
    "Verdict",
    "as_snapshot",
    "backends",
    "build_dockerfile",
    "build_image",
    "check_sandbox",
    "collect",
    "current_holder",
    "grade",
    "holding",
    "known_from_reference",
    "open_sandbox",
    "require_backend",
    "same",
    "shared_pool",
]
