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

__all__ = [
    "Backend",
    "ExecResult",
    "Sandbox",
    "SandboxError",
    "SandboxFileError",
    "SandboxSpec",
    "SandboxUnavailable",
]
