"""BFCL multi-turn: its solutions score and less does not, nothing is evaluated, bad rows fall."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import anyio
import pytest
from pydantic import JsonValue

from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.datasets.bfcl import MORE_FUNCTIONS, BfclMultiTurn, Category
from forethought.envs.datasets.bfcl_world import BfclMissing, World
from forethought.envs.protocols import PROTOCOLS
from forethought.envs.task import Split

needs_package = pytest.mark.skipif(
    find_spec("bfcl_eval") is None or find_spec("mpmath") is None,
    reason="bfcl-eval is not installed: pip install --no-deps bfcl-eval mpmath",
)
CATEGORIES: tuple[Category, ...] = ("base", "miss_func", "miss_param", "long_context")
CD: JsonValue = {
    "name": "cd",
    "description": "Go elsewhere.",
    "parameters": {
        "type": "dict",
        "properties": {"folder": {"type": "string"}},
        "required": ["folder"],
    },
}
QUESTION: dict[str, JsonValue] = {
    "id": "multi_turn_base_0",
    "question": [[{"role": "user", "content": "Go to document."}]],
    "initial_config": {},
    "path": [],
    "involved_classes": ["GorillaFileSystem"],
}
ANSWER: dict[str, JsonValue] = {"id": "multi_turn_base_0", "ground_truth": [["cd('document')"]]}


def written(folder: Path, question: dict[str, JsonValue], answer: dict[str, JsonValue]) -> Path:
    """A folder of one task, after a good one."""
    name = "BFCL_v4_multi_turn_base.json"
    for below in ("possible_answer", "multi_turn_func_doc"):
        (folder / below).mkdir()
    rows = [({**QUESTION, "id": "good"}, {**ANSWER, "id": "good"}), (question, answer)]
    (folder / name).write_text("".join(json.dumps(row[0]) + "\n" for row in rows))
    answers = folder / "possible_answer" / name
    answers.write_text("".join(json.dumps(row[1]) + "\n" for row in rows))
    (folder / "multi_turn_func_doc" / "gorilla_file_system.json").write_text(json.dumps(CD))
    return folder


def begun(task: str, category: Category = "base") -> BfclMultiTurn:
    """A published task, begun."""
    env = BfclMultiTurn(whole=True, category=category)
    found = next(each for each in env.tasks() if each.id == f"multi_turn_{category}_{task}")
    env.reset(seed=0, options={"task": found})
    return env


@pytest.mark.skipif(find_spec("bfcl_eval") is not None, reason="bfcl-eval is installed")
def test_without_the_package_one_line_says_what_to_install() -> None:
    with pytest.raises(BfclMissing, match="run: pip install --no-deps bfcl-eval mpmath"):
        BfclMultiTurn().reset(seed=0)


def test_a_solution_is_read_as_data(tmp_path: Path) -> None:
    path = str(written(tmp_path, QUESTION, ANSWER))
    tasks = BfclMultiTurn(path=path, whole=True).tasks()
    expected = {"name": "cd", "arguments": {"folder": "document"}}
    assert [task.data["solution"] for task in tasks] == [[[expected]]] * 2
    assert [task.prompt for task in tasks] == ["Go to document."] * 2


def solved(*calls: str) -> dict[str, JsonValue]:
    return {"ground_truth": [[*calls]]}


BAD_ROWS: dict[str, tuple[dict[str, JsonValue], dict[str, JsonValue], str]] = {
    "code": ({}, solved("cd(folder=open('/etc/passwd').read())"), "is no literal"),
    "no call": ({}, solved("__import__('os').system('id')"), "is no call"),
    "no Python": ({}, solved("cd("), "is no call"),
    "unknown": ({}, solved("rm(name='x')"), "there is no function 'rm'"),
    "too many": ({}, solved("cd('a', 'b')"), "too many arguments"),
    "another solution": ({}, {"id": "x"}, "is not its solution"),
    "no service": ({"involved_classes": ["MemoryAPI_kv"]}, {}, "involved_classes.0: Input should"),
    "fewer turns": ({}, {"ground_truth": []}, "1 turns, but 0 in its solution"),
    "silent": ({"question": [[]]}, {}, "turn 0: the user speaks, or functions are added"),
    "another version": ({"depends_on": []}, {}, "depends_on: Extra inputs"),
}


@pytest.mark.parametrize(("question", "answer", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_refused_with_its_line(
    tmp_path: Path, question: dict[str, JsonValue], answer: dict[str, JsonValue], reason: str
) -> None:
    folder = written(tmp_path, QUESTION | question, ANSWER | answer)
    with pytest.raises(ValueError, match=rf"multi_turn_base\.json:2: .*{reason}"):
        BfclMultiTurn(path=str(folder)).tasks()


def test_a_category_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"category is one of .*'miss_func'.*, not 'web'"):
        BfclMultiTurn(category="web")  # type: ignore[arg-type]


@needs_package
@pytest.mark.parametrize("category", ["base", "miss_func"])
def test_it_keeps_the_promises_of_an_environment(category: Category) -> None:
    def factory(split: Split = "train") -> BfclMultiTurn:
        return BfclMultiTurn(split=split, category=category)

    report = check_env(factory, num_seeds=2)
    assert report.ok, report


@needs_package
@pytest.mark.parametrize("category", CATEGORIES)
def test_the_200_solutions_score_and_without_their_last_call_they_do_not(
    category: Category,
) -> None:
    env = BfclMultiTurn(whole=True, category=category)

    async def score(seed: int, actions: list[str] | None) -> tuple[float, list[str]]:
        await env.areset(seed=seed)
        taken: list[str] = []
        while not env.over:
            taken.append(env.oracle() if actions is None else actions[len(taken)])
            _, reward, *_ = await env.astep(taken[-1])
        return reward, taken

    async def main() -> tuple[float, float]:
        whole = cut = 0.0
        for seed in range(200):
            reward, taken = await score(seed, None)
            last = max(at for at, action in enumerate(taken) if "<tool_call>" in action)
            whole += reward
            *others, call = taken[last].split("<tool_call>")
            taken[last : last + 1] = ["<tool_call>".join(others)] if len(others) > 1 else []
            assert "</tool_call>" in call
            cut += (await score(seed, taken))[0]
        return whole, cut

    assert len(env.tasks()) == 200
    assert anyio.run(main) == (200.0, 0.0)


@needs_package
def test_the_expert_says_what_it_plans_and_ends_each_turn() -> None:
    env = begun("0")
    assert env.oracle() == (
        "plan: cd, mkdir, mv\n"
        '<tool_call>{"name": "cd", "arguments": {"folder": "document"}}</tool_call>'
    )
    heard = []
    while env.turn == 0:
        observation, *_ = env.step(env.oracle())
        heard.append(observation)
    assert heard[:2] == ['{"current_working_directory": "document"}', "None"]
    assert heard[3].startswith("Perform a detailed search using grep")
    assert env.passed == [True]


@needs_package
@pytest.mark.parametrize(
    "action",
    [
        "I moved it. Done.",
        render_call("_load_scenario", {"scenario": {}}),
        render_call("__init__", {}),
        render_call("cd", {"folder": "document", "self": {}}),
        render_call("cd", {"path": "document"}),
        render_call("logarithm", {"value": 1, "base": 2, "precision": 3}),
        "cd(folder='document')",
        "[cd(folder=__import__('os').getcwd())]",
    ],
    ids=["said", "private", "dunder", "self", "misnamed", "other service", "Python", "code"],
)
def test_only_offered_functions_with_their_arguments_are_called(action: str) -> None:
    env = begun("0")
    if "[" in action:
        env.protocol = PROTOCOLS["pythonic"]
    env.step(action)
    assert not env.answers
    assert env.world.equals(begun("0").world)


@needs_package
def test_pythonic_calls_are_parsed_and_not_run() -> None:
    env = begun("0")
    env.protocol = PROTOCOLS["pythonic"]
    observation, *_ = env.step("[cd(folder='document'), mkdir(dir_name='temp')]")
    assert observation == '{"current_working_directory": "document"}\nNone'


@needs_package
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("power", {"base": 10, "exponent": 10**9}),
        ("logarithm", {"value": 2, "base": 10, "precision": 10**9}),
        ("round_number", {"number": 5, "decimal_places": -(10**9)}),
        ("add", {"a": 10**400, "b": 1}),
    ],
)
def test_sums_that_would_not_end_are_refused(name: str, arguments: dict[str, JsonValue]) -> None:
    env = BfclMultiTurn(whole=True)
    task = next(task for task in env.tasks() if "MathAPI" in str(task.data["services"]))
    env.reset(seed=0, options={"task": task})
    observation, *_ = env.step(render_call(name, {**arguments}))
    assert " is at most " in observation


@needs_package
def test_what_a_service_cannot_take_is_its_answer_and_no_crash() -> None:
    env = begun("0")
    observation, *_ = env.step(render_call("cd", {"folder": ["document"]}))
    assert observation.startswith("Error during execution: ")


@needs_package
def test_services_keep_nothing_of_what_they_are_given() -> None:
    worlds = [World.of(("TwitterAPI",), {}, is_long=False) for _ in range(2)]
    names: JsonValue = ["@a"]
    tweet: dict[str, JsonValue] = {"content": "x", "mentions": names}
    for world in worlds:
        world.call(
            "TwitterAPI", "authenticate_twitter", {"username": "john", "password": "john123"}
        )
        world.call("TwitterAPI", "post_tweet", tweet)
    mention: dict[str, JsonValue] = {"tweet_id": 0, "mentioned_usernames": ["@b"]}
    worlds[0].call("TwitterAPI", "mention", mention)
    assert names == ["@a"]
    assert not worlds[0].equals(worlds[1])


@needs_package
def test_a_folder_copied_into_itself_is_a_wrong_state() -> None:
    env = begun("0")
    for call in ({"source": "document", "destination": "document"},) * 2:
        env.step(render_call("cp", {**call}))
    while not env.over:
        _, score, *_ = env.step(env.oracle())
    assert score == 0.0


@needs_package
def test_a_turn_has_twenty_steps() -> None:
    env = begun("0")
    steps = [env.step(render_call("pwd", {}))[1:4] for _ in range(21)]
    assert steps == [(0.0, False, False)] * 20 + [(0.0, False, True)]


@needs_package
def test_a_function_that_is_held_back_is_offered_when_its_turn_comes() -> None:
    env = begun("0", "miss_func")
    assert "sort" not in env.tools
    heard = ""
    while env.turn < 3:
        heard, *_ = env.step(env.oracle())
    assert heard.endswith(MORE_FUNCTIONS)
    assert "sort(file_name: string)" in heard
    (fork,) = env.fork(1)
    assert "sort" in env.tools
    assert "sort" in fork.tools
    env.reset(seed=0, options={"task": env.task})
    assert "sort" not in env.tools


@needs_package
def test_what_a_solution_needs_early_is_not_held_back() -> None:
    env = begun("49", "miss_func")
    assert "tail" in env.tools
    assert not {"wc", "cat"} & env.tools.keys()


@needs_package
def test_forks_go_on_alone() -> None:
    env = begun("0")
    env.step(env.oracle())
    (fork,) = env.fork(1)
    while not fork.over:
        _, score, *_ = fork.step(fork.oracle())
    assert score == 1.0
    assert (env.turn, env.num_calls) == (0, 1)
    env.step("That is all.")
    assert env.passed == [False]
