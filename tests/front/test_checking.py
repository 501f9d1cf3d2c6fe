"""`forethought check`: one environment in full, several in a line each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from terminal import BLOCKS, CUSTOM, result, run

from forethought.envs import Card, Env, Task, register
from forethought.envs.check.sweep import sweep
from forethought.envs.needs import Need


class Hungry(Env):
    """Needs what nobody has, or a folder."""

    card = Card(
        traits=("skills",),
        horizon_unit="bites",
        needs=(Need(what="bread", get="bake it", is_here=lambda: False, option="path"),),
    )

    def __init__(
        self, *, horizon: int | None = None, split: str = "train", path: str = "", size: int = 1
    ) -> None:
        super().__init__(horizon=horizon, split="train")

    def make_task(self, rng: object, *, horizon: int) -> Task:
        return Task(id="x", prompt="Eat.", horizon=horizon)


register("test/hungry-v0", Hungry)


def test_a_sound_environment_of_ones_own_passes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "checked_env.py"
    file.write_text(CUSTOM.replace("mine/sum", "mine/checked"))
    found = result(capsys, "check", f"{file}:mine/checked-v0")
    assert (found["env"], found["ok"], found["missing"]) == ("mine/checked-v0", True, None)


def test_several_have_a_line_each_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "blocksworld-v0", "test/hungry-v0")
    first, second, last = out.splitlines()
    assert (code, err) == (0, "")
    assert re.match(rf"ok   {BLOCKS}  \d\d promises kept in ", first)
    assert second == "-    test/hungry-v0  passed over: needs bread: bake it"
    assert last.startswith("1 ok, 0 broken, 1 passed over in ")
    found = result(capsys, "check", "blocksworld-v0", "test/hungry-v0")
    assert found["ok"] is True
    assert [row["ok"] for row in found["envs"]] == [True, None]  # type: ignore[attr-defined]


def test_one_that_cannot_be_here_says_what_to_do_and_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = run(capsys, "check", "test/hungry-v0")
    assert code == 1
    assert "test/hungry-v0 cannot be checked here: needs bread: bake it" in err


def test_an_option_may_give_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "test/hungry-v0", "--option", "path=here")
    assert code == 1
    assert "seeds vary" in err
    assert "RuntimeError" in out or "one and the same instance" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name an environment, or give --all"),
        (["--all", "blocksworld-v0"], "leave out ids and options"),
        (["--all", "--option", "size=2"], "leave out ids and options"),
        (["blocksworld-v0", "hops-v0", "--option", "terse=true"], "one at a time"),
        (["blokcsworld-v0"], "did you mean 'forethought/blocksworld-v0'"),
    ],
    ids=["nothing", "all and one", "all with options", "options of many", "unknown"],
)
def test_wrong_use_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, _, err = run(capsys, "check", *arguments)
    assert code == 2
    assert message in err


def test_a_sweep_gives_each_report_as_soon_as_it_is_there() -> None:
    reports = sweep(["test/hungry-v0", "blocksworld-v0"], num_seeds=2)
    assert next(reports).missing == "needs bread: bake it"
    assert next(reports).ok
    with pytest.raises(StopIteration):
        next(reports)
