"""Why an episode ended, and who is to answer for it: one table for retries, metrics and loss."""

from __future__ import annotations

from enum import StrEnum


class Stop(StrEnum):
    """How an agent's run ended."""

    SUBMITTED = "submitted"
    """The environment ended the episode: an answer was given or the goal reached."""
    ENV_LIMIT = "env_limit"
    """The environment cut the episode off after its own number of steps."""
    TURN_LIMIT = "turn_limit"
    TOKEN_LIMIT = "token_limit"
    CONTEXT_LIMIT = "context_limit"
    TIME_LIMIT = "time_limit"
    MONEY_LIMIT = "money_limit"
    FORMAT_ERRORS = "format_errors"
    """Three actions in a row could not be read."""
    STUCK = "stuck"
    """The same action met the same observation over and over."""
    DROPPED = "dropped"
    """The agent that spawned it cancelled it, or ended without waiting for it."""
    CANCELLED = "cancelled"
    PROVIDER_ERROR = "provider_error"
    PROVIDER_REFUSED = "provider_refused"
    """The model's server refused the request; the same request would be refused again."""
    RATE_LIMITED = "rate_limited"
    """The model's server limited the rate for longer than we were ready to wait."""
    SANDBOX_ERROR = "sandbox_error"
    GRADER_ERROR = "grader_error"
    HARNESS_ERROR = "harness_error"


class Cause(StrEnum):
    """Who is to answer for a stop."""

    POLICY = "policy"
    """The agent: counts, whatever the score."""
    INFRA = "infra"
    """The world: missing data, retried, never a zero."""
    OPERATOR = "operator"
    """The person who ran it: missing data, not retried."""


STOP_CAUSE: dict[Stop, Cause] = {
    Stop.SUBMITTED: Cause.POLICY,
    Stop.ENV_LIMIT: Cause.POLICY,
    Stop.TURN_LIMIT: Cause.POLICY,
    Stop.TOKEN_LIMIT: Cause.POLICY,
    Stop.CONTEXT_LIMIT: Cause.POLICY,
    Stop.TIME_LIMIT: Cause.POLICY,
    Stop.MONEY_LIMIT: Cause.POLICY,
    Stop.FORMAT_ERRORS: Cause.POLICY,
    Stop.STUCK: Cause.POLICY,
    Stop.DROPPED: Cause.POLICY,
    Stop.CANCELLED: Cause.OPERATOR,
    Stop.PROVIDER_ERROR: Cause.INFRA,
    Stop.PROVIDER_REFUSED: Cause.INFRA,
    Stop.RATE_LIMITED: Cause.INFRA,
    Stop.SANDBOX_ERROR: Cause.INFRA,
    Stop.GRADER_ERROR: Cause.INFRA,
    Stop.HARNESS_ERROR: Cause.INFRA,
}

OVERLONG = frozenset(
    {
        Stop.ENV_LIMIT,
        Stop.TURN_LIMIT,
        Stop.TOKEN_LIMIT,
        Stop.CONTEXT_LIMIT,
        Stop.TIME_LIMIT,
        Stop.MONEY_LIMIT,
    }
)
"""Stops that cut an episode short; overlong filtering acts on these."""
