import copy
import pickle

from gymnasium.utils.env_checker import check_action_space, check_observation_space

from forethought.envs import Action
from forethought.envs.spaces import Text


def test_any_unicode_of_allowed_length_is_text() -> None:
    space = Text(4)
    assert "日本語🙂" in space
    assert "" in space
    assert Action(text="abcd") in space
    assert "abcde" not in space
    assert Action(text="abcde") not in space
    assert 7 not in space
    assert b"abc" not in space


def test_samples_are_text_of_the_space_and_follow_the_seed() -> None:
    space = Text(5)
    space.seed(3)
    first = [space.sample() for _ in range(20)]
    space.seed(3)
    assert [space.sample() for _ in range(20)] == first
    assert all(sample in space for sample in first)
    assert len(set(first)) > 10


def test_spaces_of_one_length_are_equal() -> None:
    assert Text(5) == Text(5) != Text(6)
    assert hash(Text(5)) == hash(Text(5))
    assert copy.deepcopy(Text(5)) == pickle.loads(pickle.dumps(Text(5))) == Text(5)
    assert repr(Text(5)) == "Text(5)"
    assert not Text().is_np_flattenable


def test_gymnasium_takes_it_for_a_space() -> None:
    check_action_space(Text())
    check_observation_space(Text())
