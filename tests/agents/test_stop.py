"""Stops: every one has a cause, and the cause decides."""

from forethought.agents.record.stop import OVERLONG, STOP_CAUSE, Cause, Stop


def test_the_table_of_causes_is_total() -> None:
    assert set(STOP_CAUSE) == set(Stop)


def test_every_cause_is_somebodys() -> None:
    assert set(STOP_CAUSE.values()) == set(Cause)


def test_overlong_stops_are_the_policys() -> None:
    assert {STOP_CAUSE[stop] for stop in OVERLONG} == {Cause.POLICY}


def test_errors_are_never_the_policys() -> None:
    errors = [stop for stop in Stop if stop.value.endswith("_error")]
    assert len(errors) == 4
    assert {STOP_CAUSE[stop] for stop in errors} == {Cause.INFRA}
