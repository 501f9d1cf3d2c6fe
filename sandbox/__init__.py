"""Where untrusted commands run."""

from forethought.sandbox.base import (
    Backend,
    ExecResult,
    ImageBuildFailed,
    Sandbox,
    SandboxError,
    SandboxFileError,
    SandboxSpec,
    SandboxUnavailable,
)
from forethought.sandbox.check import Finding, check_sandbox
from forethought.sandbox.images import BuiltImage, build_dockerfile, build_image
from forethought.sandbox.select import BackendStatus, backends, open_sandbox

__all__ = [
    "Backend",
    "BackendStatus",
    "BuiltImage",
    "ExecResult",
    "Finding",
    "ImageBuildFailed",
    "Sandbox",
    "SandboxError",
    "SandboxFileError",
    "SandboxSpec",
    "SandboxUnavailable",
    "backends",
    "build_dockerfile",
    "build_image",
    "check_sandbox",
    "open_sandbox",
]
