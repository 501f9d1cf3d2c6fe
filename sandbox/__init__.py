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
from forethought.sandbox.contacts import Contact
from forethought.sandbox.holders import Holder, current_holder, holding
from forethought.sandbox.pool import SandboxPool, shared_pool
from forethought.sandbox.pool_stats import PoolStats
from forethought.sandbox.select import BackendStatus, backends, open_sandbox

__all__ = [
    "MAX_FORK",
    "MAX_SNAPSHOT",
    "Backend",
    "BackendStatus",
    "Contact",
    "ExecResult",
    "Finding",
    "Holder",
    "PoolStats",
    "Sandbox",
    "SandboxError",
    "SandboxFileError",
    "SandboxPool",
    "SandboxSpec",
    "SandboxUnavailable",
    "backends",
    "check_sandbox",
    "current_holder",
    "holding",
    "open_sandbox",
    "shared_pool",
]
