from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from forethought.envs import Task, load_tasks, save_tasks
from forethought.envs.task import split_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
TASKS = st.builds(
    Task,
    id=st.text(max_size=8),
    prompt=st.text(max_size=20),
    answer=JSON,
    data=st.dictionaries(st.text(max_size=4), JSON, max_size=3),
    traits=st.sampled_from([(), ("strategy",), ("skills", "abstraction")]),
    horizon=st.integers(1, 100),
    difficulty=st.none() | st.floats(0, 1),
    split=st.sampled_from(["train", "eval"]),
    seed=st.none() | st.integers(0, 2**32),
)


@given(tasks=st.lists(TASKS, max_size=4))
def test_tasks_come_back_from_a_file_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, tasks: list[Task]
) -> None:
    path = tmp_path_factory.mktemp("tasks") / "tasks.jsonl"
    save_tasks(path, tasks)
    assert load_tasks(path) == tasks


def test_empty_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"id": "a", "prompt": "p"}\n\n{"id": "b", "prompt": "q"}\n', encoding="utf-8")
    assert [task.id for task in load_tasks(path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": "a"', "line: Invalid JSON"),
        ('{"id": "a"}', "prompt: Field required"),
        ('{"id": "a", "prompt": "p", "horizon": 0}', "horizon: Input should be greater than"),
        ('{"id": "a", "prompt": "p", "promt": 1}', "promt: Extra inputs are not permitted"),
        ("[1]", "line: Input should be an object"),
    ],
    ids=["cut off", "no prompt", "horizon 0", "misspelt", "a list"],
)
def test_a_broken_line_is_named_with_what_is_wrong(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"id": "a", "prompt": "p"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"t\.jsonl:2: not a task: {reason}"):
        load_tasks(path)


def test_a_task_cannot_be_changed() -> None:
    task = Task(id="a", prompt="p")
    with pytest.raises(ValidationError, match="frozen"):
        task.prompt = "q"  # type: ignore[misc]


def test_the_split_follows_from_the_content_alone() -> None:
    task = Task(id="a", prompt="p", answer="x", data={"n": 1})
    renamed = task.model_copy(update={"id": "b", "seed": 7, "split": "eval", "difficulty": 0.5})
    assert split_of(task) == split_of(renamed)
    splits = [split_of(Task(id="a", prompt=str(number))) for number in range(1000)]
    assert 150 < splits.count("eval") < 250
