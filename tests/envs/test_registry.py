import logging
import warnings
from pathlib import Path

import gymnasium
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env as check_gymnasium

from forethought.envs import Env, make, names, register
from forethought.envs.builtin import BUILTIN, register_builtin
from forethought.envs.suite.planning.blocksworld import Blocksworld


class Nothing(Env):
    """An environment to register."""


def test_built_in_environments_are_listed_and_registering_them_again_is_harmless() -> None:
    before = names()
    assert set(BUILTIN) <= set(before)
    register_builtin()
    assert names() == before == sorted(before)


def test_an_environment_is_made_by_full_and_short_name_with_options() -> None:
    assert isinstance(make("forethought/blocksworld-v0"), Blocksworld)
    env = make("blocksworld-v0", horizon=6, split="eval")
    assert (env.horizon, env.split) == (6, "eval")


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("blockworld-v0", "did you mean 'forethought/blocksworld-v0'"),
        ("bfcl-v0", "did you mean 'forethought/bfcl-multi-turn-v0'"),
        ("forethought/hop-v0", "did you mean 'forethought/hops-v0'"),
        ("CartPole-v1", r"forethought envs lists all \d+$"),
        ("acme/kights-v0", r"did you mean 'forethought/knights-v0'\? forethought envs lists all"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(asked: str, hint: str) -> None:
    with pytest.raises(ValueError, match=rf"no environment named '{asked}'; {hint}"):
        make(asked)


def test_gymnasium_makes_it_and_checks_it_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make("forethought/blocksworld-v0")
        check_gymnasium(env.unwrapped)


def test_its_specification_can_be_saved_and_made_again() -> None:
    env = gymnasium.make("forethought/blocksworld-v0", horizon=4)
    assert env.spec is not None
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    assert isinstance(again.unwrapped, Blocksworld)
    assert again.unwrapped.horizon == 4


@pytest.mark.parametrize("env_id", ["nothing-v0", "me/nothing", "me/nothing-v", "a:me/nothing-v0"])
def test_an_id_that_does_not_read_like_one_is_refused(env_id: str) -> None:
    with pytest.raises(ValueError, match="should read namespace/name-v0"):
        register(env_id, Nothing)


def test_an_id_that_is_taken_is_refused() -> None:
    with pytest.raises(ValueError, match="'forethought/blocksworld-v0' is taken by forethought"):
        register("forethought/blocksworld-v0", Nothing)


def test_a_class_defined_anew_takes_its_own_place() -> None:
    def define(value: int) -> type[Env]:
        class Cell(Env):
            """A notebook cell that is run twice."""

            number = value

        return Cell

    register("test/cell-v0", define(1))
    register("test/cell-v0", define(2))
    assert vars(type(make("test/cell-v0")))["number"] == 2


def test_naming_a_module_imports_what_registers_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "maze_for_test.py").write_text(
        "from forethought.envs import Env, register\n"
        "class Maze(Env):\n    'A maze.'\n"
        "register('test/maze-v0', Maze)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert type(make("maze_for_test:test/maze-v0")).__name__ == "Maze"
    assert "test/maze-v0" in names()


def plug_in(tmp_path: Path, name: str, text: str) -> None:
    """Install a distribution that holds nothing but entry points."""
    folder = tmp_path / f"{name}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[forethought.envs]\n{text}\n")


def test_an_installed_package_can_bring_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(
        tmp_path, "acme", "acme/blocks-v0 = forethought.envs.suite.planning.blocksworld:Blocksworld"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert "acme/blocks-v0" in names()
    assert isinstance(make("acme/blocks-v0", horizon=3), Blocksworld)


def test_a_broken_package_is_named_and_takes_nothing_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plug_in(tmp_path, "bad", "noversion = acme:Maze")
    monkeypatch.syspath_prepend(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert "forethought/blocksworld-v0" in names()
    assert caplog.messages == ["bad: environment id 'noversion' should read namespace/name-v0"]
