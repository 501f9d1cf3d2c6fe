"""A description is read off the class: no instance, no data, no engine."""

from __future__ import annotations

from forethought.envs import Card, Env, proxy, register, reward, tool
from forethought.envs.describe import Named, describe
from forethought.envs.needs import DOCKER, SANDBOX, given


class Bazaar(Env):
    """Sell what is there.

    The rest is for who reads the code.
    """

    card = Card(
        traits=("strategy",),
        horizon_unit="sales",
        horizons=(1, 3),
        needs_sandbox=True,
        needs=(given("camel", what="a camel"),),
    )

    def __init__(self, *, horizon: int | None = None, split: str = "train", goods: int = 3) -> None:
        raise AssertionError("it is made")

    @tool
    def sell(self, price: int) -> str:
        """offer a thing for so much"""
        return str(price)

    @reward
    def profit(self) -> float:
        """Share of the profit that there was to make."""
        return 0.0

    @proxy
    def noise(self) -> float:
        """How loud it was."""
        return 1.0


register("test/described-v0", Bazaar)


def test_it_is_read_off_the_class_and_nothing_is_made() -> None:
    found = describe("test/described-v0")
    assert (found.summary, found.horizon) == ("Sell what is there.", "1 to 3 sales")
    assert found.tools == (Named(name="sell(price: integer)", meaning="offer a thing for so much"),)
    assert found.rewards[0].meaning == "Share of the profit that there was to make."
    assert (found.metrics, found.proxies) == (
        (),
        (Named(name="noise", meaning="How loud it was."),),
    )
    assert found.options == (Named(name="goods", meaning="3"),)
    assert (found.has_oracle, found.can_fork) == (False, False)
    assert [need.what for need in found.needs] == ["a sandbox", "a camel"]


def test_what_needs_docker_does_not_need_a_sandbox_beside_it() -> None:
    class Contained(Bazaar):
        """Runs a container of its own."""

        card = Card(traits=(), horizon_unit="x", needs_sandbox=True, needs=(DOCKER,))

    assert Bazaar.needs()[0] is SANDBOX
    assert Contained.needs() == (DOCKER,)


def test_the_family_is_the_folder_or_the_package() -> None:
    assert describe("blocksworld-v0").family == "planning"
    assert describe("test/described-v0").family == __name__.partition(".")[0]
