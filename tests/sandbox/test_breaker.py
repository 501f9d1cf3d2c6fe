"""An engine that is ill is asked ever more rarely, and by one boot at a time."""

from __future__ import annotations

from forethought.sandbox.pool.breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_opens_after_three_failures_in_a_row() -> None:
    breaker = Breaker(clock=Clock())
    breaker.failed("one")
    breaker.failed("two")
    breaker.succeeded()
    breaker.failed("three")
    breaker.failed("four")
    assert breaker.opened_at is None
    assert breaker.may_boot(num_booting=3)
    breaker.failed("five")
    assert (breaker.opened_at, breaker.cause) == (100.0, "five")
    assert not breaker.may_boot(num_booting=0)


def test_probes_go_one_at_a_time_and_ever_more_rarely() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    breaker.open("gone")
    waits = []
    for _ in range(7):
        began = clock.now
        while not breaker.may_boot(num_booting=0):
            clock.now += 0.25
        assert not breaker.may_boot(num_booting=1)
        waits.append(clock.now - began)
        breaker.failed("still gone")
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    breaker.succeeded()
    assert breaker.may_boot(num_booting=3)
    breaker.open("gone again")
    clock.now += 0.5
    assert breaker.may_boot(num_booting=0)


def test_boots_that_began_before_it_opened_make_no_probe_wait_longer() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    for _ in range(10):
        breaker.failed("gone")
    clock.now += 0.5
    assert breaker.may_boot(num_booting=0)
