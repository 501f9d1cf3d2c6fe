"""Where untrusted commands run."""

from forethought.sandbox.base import (
    Backend,
    ExecResult,
    Sandbox,
    SandboxError,
    SandboxFileError,
    SandboxSpec,
    SandboxUnavailable,
)
from forethought.sandbox.check import Finding, check_sandbox
from forethought.sandbox.contacts import Contact
from forethought.sandbox.select import BackendStatus, backends, open_sandbox

__all__ = [
    "Backend",
    "BackendStatus",
    "Contact",
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
