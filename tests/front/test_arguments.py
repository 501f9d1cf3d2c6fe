"""What the strings of the command line stand for."""

import pytest

from forethought.agents.budget import Limits
from forethought.arguments import environment_id, horizons, limits, options


@pytest.mark.parametrize(
    ("text", "levels"),
    [(None, ()), ("4", (4,)), ("2-5", (2, 3, 4, 5)), ("2,4,8", (2, 4, 8)), ("3-3", (3,))],
)
def test_horizons_are_a_number_a_range_or_a_list(text: str | None, levels: tuple[int, ...]) -> None:
    assert horizons(text) == levels


@pytest.mark.parametrize("text", ["", "x", "5-2", "0", "-3", "2,", "1.5"])
def test_other_horizons_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        horizons(text)


def test_values_are_json_where_they_read_as_json() -> None:
    given = ["mode=plan", "mystery=true", "oracle_moves=2"]
    found = options(given, env_id="forethought/blocksworld-v0")
    assert found == {"mode": "plan", "mystery": True, "oracle_moves": 2}


@pytest.mark.parametrize("pair", ["mode", "=plan"])
def test_a_pair_needs_a_key_and_an_equals_sign(pair: str) -> None:
    with pytest.raises(ValueError, match="should read key=value"):
        options([pair], env_id="forethought/blocksworld-v0")


@pytest.mark.parametrize("key", ["horizon", "split"])
def test_what_the_command_sets_itself_is_no_option(key: str) -> None:
    with pytest.raises(ValueError, match=f"has no option '{key}'"):
        options([f"{key}=1"], env_id="forethought/blocksworld-v0")


def test_short_ids_are_completed() -> None:
    assert environment_id("blocksworld-v0") == "forethought/blocksworld-v0"
    assert environment_id("forethought.envs:hops-v0") == "forethought/hops-v0"


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="cannot import 'no_such_module'"):
        environment_id("no_such_module:a/b-v0")


def test_limits_change_what_is_named_and_leave_the_rest() -> None:
    found = limits(["tokens=99", "seconds=1.5"], model="smollm2")
    assert found == Limits(tokens=99, seconds=1.5)


def test_scripts_are_not_held_to_limits_meant_for_tokens() -> None:
    assert limits([], model="oracle").reply_tokens > 16 * limits([], model="smollm2").reply_tokens
    assert limits(["tokens=7"], model="scripted:replies.txt").tokens == 7


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("token=9", "no limit 'token'; there are: turns, tokens"),
        ("tokens=many", "--limit tokens: Input should be a valid integer"),
        ("turns=0", "turns must be at least 1, not 0"),
        ("reply_tokens=5000", "leaves no room in a context of 4096"),
    ],
)
def test_limits_that_cannot_be_are_refused(pair: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        limits([pair], model="smollm2")
