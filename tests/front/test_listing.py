"""The cards of environments: as a table, one by one, and as the page in docs."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminal import CUSTOM, result, run

from forethought.envs import Card, Env, names, proxy, register, reward, tool
from forethought.envs.builtin import BUILTIN
from forethought.envs.needs import Need

PAGE = Path(__file__).parents[2] / "docs" / "environments.md"


class Bazaar(Env):
    """Sell what is there.

    The rest is for who reads the code.
    """

    card = Card(
        traits=("strategy",),
        horizon_unit="sales",
        horizons=(1, 3),
        source="made for a test",
        needs=(Need(what="a camel", get="ask at the gate", is_here=lambda: False),),
    )

    def __init__(self, *, horizon: int | None = None, split: str = "train", goods: int = 3) -> None:
        super().__init__(horizon=horizon, split="train")
        self.goods = goods

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


register("test/bazaar-v0", Bazaar)


def test_the_page_of_environments_is_up_to_date(tmp_path: Path) -> None:
    from forethought.cli import main

    assert main(["envs", "--markdown", str(tmp_path / "page.md")]) == 0
    fresh = (tmp_path / "page.md").read_text(encoding="utf-8")
    command = "forethought envs --markdown docs/environments.md"
    assert PAGE.read_text(encoding="utf-8") == fresh, f"stale; run: {command}"
    assert all(f"### {env_id.rpartition('/')[2]}\n" in fresh for env_id in BUILTIN)


def test_every_environment_is_listed_with_what_it_needs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listed = result(capsys, "envs")["envs"]
    assert isinstance(listed, list)
    by_id = {row["id"]: row for row in listed}
    assert set(by_id) == set(names())
    assert by_id["test/bazaar-v0"]["needs"] == ["a camel"]
    assert by_id["forethought/repair-v0"]["needs"] == ["a sandbox"]
    assert by_id["forethought/blocksworld-v0"]["has_oracle"] is True


def test_the_card_of_what_cannot_be_here_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = run(capsys, "envs", "test/bazaar-v0")
    assert (code, err) == (0, "")
    assert "needs a camel: ask at the gate" in out
    found = result(capsys, "envs", "test/bazaar-v0")
    assert (found["sample"], found["missing"]) == (None, ["needs a camel: ask at the gate"])


def test_a_card_names_its_metrics_and_the_floor(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "carded_env.py"
    file.write_text(CUSTOM.replace("mine/sum", "mine/carded"))
    _, out, _ = run(capsys, "envs", f"{file}:mine/carded-v0")
    assert "not measured; at most 0.2 on average is expected of knowing nothing" in out
    assert "1 to 4 digits; usually 1, 2, 3, 4" in out
    assert "Add two numbers." in out


def test_the_page_is_of_all_environments_or_there_is_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = run(capsys, "envs", "blocksworld-v0", "--markdown", str(tmp_path / "x.md"))
    assert code == 2
    assert "leave out the id" in err


def test_where_no_terminal_is_each_environment_has_a_line_of_whole_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = run(capsys, "envs")
    assert code == 0
    (line,) = (line for line in out.splitlines() if "forethought/hops-v0" in line)
    assert "skills, strategy, calibration" in line
    assert "1 to 16 pages to read" in line
