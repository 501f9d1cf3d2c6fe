"""Where untrusted commands run."""

from forethought.sandbox.base import (
    MAX_FORK,
    MAX_SNAPSHOT,
    Backend,
    ExecResult,
    Sandbox,
    SandboxError,
    SandboxFileError,
    SandboxSpec,
    SandboxUnavailable,
)
from forethought.sandbox.check import Finding, check_sandbox
from forethought.sandbox.select import BackendStatus, backends, open_sandbox

__all__ = [
    "MAX_FORK",
    "MAX_SNAPSHOT",
    "Backend",
    "BackendStatus",
    "ExecResult",
    "Finding",
    "Sandbox",
    "SandboxError",
    "SandboxFileError",
    "SandboxSpec",
    "SandboxUnavailable",
    "backends",
    "check_sandbox",
    "open_sandbox",
]
