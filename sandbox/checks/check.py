"""The sandbox contract as a runnable checker: every backend has to pass it, yours too."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from forethought.sandbox.base import Sandbox, SandboxError
from forethought.sandbox.checks.commands import COMMAND_CHECKS
from forethought.sandbox.checks.files import FILE_CHECKS
from forethought.sandbox.checks.forks import FORK_CHECKS
from forethought.sandbox.checks.isolation import ISOLATION_CHECKS
from forethought.sandbox.checks.limits import LIMIT_CHECKS
from forethought.sandbox.checks.odd import ODD_CHECKS
from forethought.sandbox.checks.python import PYTHON_CHECKS
from forethought.sandbox.checks.tools import Check, Surprise

Factory = Callable[[], AbstractAsyncContextManager[Sandbox]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One check, and how it went."""

    name: str
    """What holds if it went well, as a sentence."""
    ok: bool
    detail: str = ""
    """What was seen instead; empty if it went well."""


async def check_sandbox(
    factory: Factory, *, isolated: bool = True, without: Collection[str] = ()
) -> list[Finding]:
    """Try a backend against the contract of `Sandbox`, each check in a sandbox of its own.

    `isolated` is False for a backend that promises no isolation: it is not asked for any. `without`
    names findings that a backend is known not to have, and says so: they are not looked for. The
    commands are python3, sh and the usual small programs. What a factory raises is not caught.
    Raises ValueError for a name that no finding has.
    """
    checks = COMMAND_CHECKS + PYTHON_CHECKS + FILE_CHECKS + FORK_CHECKS + ODD_CHECKS
    if isolated:
        checks += ISOLATION_CHECKS + LIMIT_CHECKS
    if unknown := set(without) - {_name(check) for check in checks}:
        raise ValueError(f"no finding is named {sorted(unknown)}")
    findings = []
    for check in checks:
        if _name(check) in without:
            continue
        async with factory() as sandbox:
            findings.append(await _finding(check, sandbox))
    return findings


def _name(check: Check) -> str:
    return (check.__doc__ or check.__name__).rstrip(".")


async def _finding(check: Check, sandbox: Sandbox) -> Finding:
    name = _name(check)
    try:
        await check(sandbox)
    except (Surprise, SandboxError) as error:
        return Finding(name=name, ok=False, detail=f"{type(error).__name__}: {error}")
    return Finding(name=name, ok=True)
