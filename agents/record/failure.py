"""Failure: which stop an exception stands for."""

from __future__ import annotations

from forethought.agents.engines.engine import EngineRateLimited, EngineRefused, EngineUnavailable
from forethought.agents.record.stop import Stop


class ChildLost(Exception):
    """A sub-agent ended for no fault of the policy, so its parent's episode is lost as well."""

    def __init__(self, path: str, stop: Stop, error: str | None) -> None:
        super().__init__(f"sub-agent {path}: {stop}: {error or 'no detail'}")
        self.stop = stop


def leaves(error: BaseException) -> list[BaseException]:
    """The exceptions in nested groups, or the exception itself."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


def stop_of(error: Exception) -> Stop:
    """Why an episode ends that this exception came out of."""
    found = leaves(error)
    for leaf in found:
        if isinstance(leaf, ChildLost):
            return leaf.stop
    if any(isinstance(leaf, EngineRefused) for leaf in found):
        return Stop.PROVIDER_REFUSED
    if any(isinstance(leaf, EngineRateLimited) for leaf in found):
        return Stop.RATE_LIMITED
    if any(isinstance(leaf, EngineUnavailable) for leaf in found):
        return Stop.PROVIDER_ERROR
    if any(isinstance(leaf, ConnectionError) for leaf in found):
        return Stop.SANDBOX_ERROR
    return Stop.HARNESS_ERROR


def describe(error: Exception) -> str:
    """One line: the type and the message of each exception."""
    return "; ".join(f"{type(leaf).__name__}: {leaf}" for leaf in leaves(error))
