"""harbor-v0: a task runs from its Dockerfile to its reward, and no reward can be planted."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from forethought.envs.adapters.harbor import Harbor, split_of_directory, task_of
from forethought.envs.adapters.harbor_image import assigned
from forethought.envs.adapters.harbor_task import HarborTask, find_tasks, read_task, resolved
from forethought.envs.adapters.harbor_tests import main_reward, read_json, read_text
from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.task import Split, Task

TOML = """\
schema_version = "1.4"
[metadata]
expert_time_estimate_min = 2
[agent]
timeout_sec = 60.0
[verifier]
timeout_sec = 60.0
env = {STRICT = "yes"}
[environment]
memory = "256M"
storage = "10G"
env = {GREETING = "good day, ${NOBODY_SET_THIS:-world}"}
"""
DOCKERFILE = """\
FROM ubuntu:24.04
WORKDIR /app
COPY numbers.txt /app/
"""
TEST = """\
#!/bin/bash
[ "$STRICT" = yes ] || exit 1
cat /app/breaks.txt 2>/dev/null && exit 1
if [ "$(cat /app/sum.txt 2>/dev/null)" = "$(cat /tests/expected.txt) $GREETING" ]; then
  echo 1 > /logs/verifier/reward.txt
else
  echo 0 > /logs/verifier/reward.txt
fi
"""
SOLVE = "#!/bin/bash\npython3 /solution/add.py numbers.txt > sum.txt\n"
ADD = """\
import os, sys
print(sum(map(int, open(sys.argv[1]))), os.environ["GREETING"])
"""
BASES = "ubuntu:24.04=default"


def write_task(folder: Path, **changed: str | None) -> Path:
    """A task directory; `changed` replaces files by name, None leaves one out."""
    files: dict[str, str | None] = {
        "task.toml": TOML,
        "instruction.md": "Add up numbers.txt into sum.txt, with the greeting from $GREETING.\n",
        "environment/Dockerfile": DOCKERFILE,
        "environment/numbers.txt": "20\n22\n",
        "tests/test.sh": TEST,
        "tests/expected.txt": "42",
        "solution/solve.sh": SOLVE,
        "solution/add.py": ADD,
    }
    for name, text in {**files, **changed}.items():
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    return folder


def played(path: Path, *actions: str) -> tuple[float | None, dict[str, float | None]]:
    """Score and metrics of an episode with these actions, or the expert's if there are none."""
    env = Harbor(path=str(path), bases=BASES)

    async def scene() -> tuple[float | None, dict[str, float | None]]:
        await env.areset(seed=0)
        try:
            for step in range(20):
                action = actions[step] if actions else env.oracle()
                _, _, over, _, info = await env.astep(action)
                if over:
                    return info["score"], info["metrics"]
        finally:
            await env.aclose()
        raise AssertionError("the episode did not end")

    return anyio.run(scene)


def bash(command: str) -> str:
    return render_call("bash", {"command": command})


@pytest.mark.docker
def test_the_published_solution_scores_one_and_without_its_last_step_it_scores_nothing(
    tmp_path: Path,
) -> None:
    path = write_task(tmp_path / "sum")
    assert played(path) == (1.0, {"lost_reward": 0.0})
    assert played(path, "submit")[0] == 0.0
    assert played(path, bash("echo 42 good day, world > sum.txt"), "submit")[0] == 1.0


@pytest.mark.docker
@pytest.mark.parametrize(
    "cheat",
    [
        "mkdir -p /tmp/harbor/logs/verifier; echo 1 > /logs/verifier/reward.txt",
        "(while true; do mkdir -p /tmp/harbor/logs/verifier; echo 1 > /logs/verifier/reward.txt; "
        "sleep 0.1; done) > /dev/null 2>&1 &",
        "ln -s /tests/expected.txt sum.txt",
        "touch breaks.txt",
    ],
    ids=["planted reward", "writer left running", "link to the tests", "tests broken"],
)
def test_no_cheat_is_paid(tmp_path: Path, cheat: str) -> None:
    assert played(write_task(tmp_path / "sum"), bash(cheat), "submit")[0] == 0.0


@pytest.mark.docker
def test_tests_that_are_broken_themselves_leave_an_episode_unscored(tmp_path: Path) -> None:
    path = write_task(tmp_path / "sum", **{"tests/test.sh": "apt-get install -y curl\n"})
    assert played(path) == (None, {"lost_reward": 1.0})


@pytest.mark.docker
@pytest.mark.slow
def test_it_keeps_the_promises_of_an_environment(tmp_path: Path) -> None:
    for number in range(12):
        numbers = f"{number}\n1\n"
        files = {"environment/numbers.txt": numbers, "tests/expected.txt": str(number + 1)}
        named = f"Add up numbers.txt of task {number} into sum.txt, with $GREETING.\n"
        write_task(tmp_path / f"sum-{number}", **files, **{"instruction.md": named})

    def factory(*, split: Split = "train") -> Harbor:
        return Harbor(path=str(tmp_path), bases=BASES, split=split)

    report = check_env(factory, num_seeds=2)
    assert report.ok, str(report)


def test_a_task_is_read_whole(tmp_path: Path) -> None:
    harbor = read_task(write_task(tmp_path / "sum"))
    assert harbor.config.environment.memory_mb == 256
    assert harbor.config.environment.storage_mb == 10240
    assert sorted(harbor.tests) == ["expected.txt", "test.sh"]
    assert sorted(harbor.solution) == ["add.py", "solve.sh"]
    task = task_of(harbor)
    assert (task.id, task.human_minutes) == ("harbor-sum", 2.0)
    assert Task.model_validate_json(task.model_dump_json()) == task


def test_one_task_is_there_for_either_split_and_several_are_split_unless_whole(
    tmp_path: Path,
) -> None:
    one = write_task(tmp_path / "one")
    assert {Harbor(path=str(one), split=split)._draw(0).id for split in ("train", "eval")} == {
        "harbor-one"
    }
    for number in range(1, 12):
        write_task(tmp_path / f"task-{number}")
    shares = [
        {each.name for each in Harbor(path=str(tmp_path), split=split).directories()}
        for split in ("train", "eval")
    ]
    assert all(shares)
    assert not set.intersection(*shares)
    whole = Harbor(path=str(tmp_path), split="eval", whole=True)
    assert {whole._draw(seed).data["name"] for seed in range(5, 17)} == set.union(*shares)


def test_a_split_without_a_task_is_told_what_takes_all(tmp_path: Path) -> None:
    names = [f"task-{number}" for number in range(12)]
    tasks = {name: write_task(tmp_path / "all" / name) for name in names}
    trained = [name for name, path in tasks.items() if split_of_directory(path) == "train"][:2]
    for name in trained:
        write_task(tmp_path / "few" / name)
    message = "none of the 2 tasks in .* is of split 'eval'; whole=true takes all of them"
    with pytest.raises(ValueError, match=message):
        Harbor(path=str(tmp_path / "few"), split="eval").directories()


def test_a_task_that_says_nothing_is_refused(tmp_path: Path) -> None:
    path = write_task(tmp_path / "sum", **{"instruction.md": " \n"})
    with pytest.raises(ValueError, match=r"instruction.md is empty; it says what the agent is to"):
        read_task(path)


def test_tasks_are_found_one_level_below(tmp_path: Path) -> None:
    write_task(tmp_path / "b")
    write_task(tmp_path / "a")
    (tmp_path / "notes").mkdir()
    assert [path.name for path in find_tasks(tmp_path)] == ["a", "b"]
    assert find_tasks(tmp_path / "a") == [tmp_path / "a"]
    with pytest.raises(ValueError, match=r"no Harbor task at .*notes"):
        find_tasks(tmp_path / "notes")


def without(key: str) -> dict[str, str | None]:
    return {key: None}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (without("instruction.md"), "instruction.md is missing"),
        (without("tests/test.sh"), "tests/test.sh is missing, so nothing could score"),
        (without("environment/Dockerfile"), "neither environment/Dockerfile nor docker_image"),
        ({"task.toml": "[agent"}, "task.toml: not TOML"),
        ({"task.toml": "[agent]\ntimeout_sec = -1"}, "agent.timeout_sec"),
        ({"task.toml": "[verifier]\ntimeout_sec = inf"}, "verifier.timeout_sec: .* finite"),
        ({"task.toml": "[environment]\nmemory = 'lots'"}, "environment.memory_mb"),
        ({"task.toml": "[[steps]]\nname = 'one'"}, r"needs several steps"),
        ({"task.toml": "[environment]\ngpus = 1"}, "needs a GPU"),
        ({"task.toml": "[environment]\nos = 'Windows'"}, "the system Windows"),
        ({"task.toml": "[verifier]\nenvironment_mode = 'separate'"}, "of the verifier's own"),
        ({"environment/docker-compose.yaml": "services: {}"}, "compose services"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_run_is_refused(
    tmp_path: Path, changed: dict[str, str | None], message: str
) -> None:
    path = write_task(tmp_path / "sum", **changed)
    with pytest.raises(ValueError, match=message):
        read_task(path)


def link_out(path: Path) -> None:
    (path / "tests" / "secret").symlink_to("/etc/hostname")


def not_text(path: Path) -> None:
    (path / "instruction.md").write_bytes(b"\xff\xfe")


def too_long(path: Path) -> None:
    (path / "instruction.md").write_bytes(b"a" * ((1 << 20) + 1))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(link_out, "a link out of"), (not_text, "not UTF-8 at byte 0"), (too_long, "at most 1048576")],
    ids=["link", "not text", "too long"],
)
def test_hostile_files_are_refused(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    path = write_task(tmp_path / "sum")
    spoil(path)
    with pytest.raises(ValueError, match=message):
        read_task(path)


def test_an_environment_without_its_folder_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="needs a folder of tasks: --option path=FOLDER"):
        anyio.run(lambda: Harbor().areset(seed=0))
    with pytest.raises(ValueError, match="should read IMAGE=LOCAL"):
        Harbor(bases="default")


def test_a_task_without_a_solution_has_no_expert(tmp_path: Path) -> None:
    env = Harbor(path=str(write_task(tmp_path / "sum")))
    env.harbor = dataclasses.replace(read_task(tmp_path / "sum"), solution={})
    with pytest.raises(ValueError, match=r"no solution/solve\.sh, so the task has no expert"):
        env.oracle()


@pytest.mark.docker
def test_variables_reach_the_container_as_they_are(tmp_path: Path) -> None:
    odd = "a\\tb \"c\" $HOME 'd'"
    toml = f"[environment]\nenv = {{ODD = {json.dumps(odd)}, X1 = '2'}}\n"
    path = write_task(tmp_path / "sum", **{"task.toml": toml})
    env = Harbor(path=str(path), bases=BASES)

    async def scene() -> str:
        await env.areset(seed=0)
        text, *_ = await env.astep(bash('printf "%s|%s" "$ODD" "$X1"'))
        await env.aclose()
        return text

    assert anyio.run(scene) == f"{odd}|2"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("A=1\nRUN true", "x", "no name of an environment variable"),
        ("", "x", "no name of an environment variable"),
        ("A", "x\nRUN true", "the environment variable A has a line break"),
    ],
    ids=["a line in a name", "no name", "a line in a value"],
)
def test_a_variable_adds_nothing_to_the_dockerfile(name: str, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assigned(name, value)


def test_a_variable_that_nobody_set_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs the variable NOBODY_SET_THIS"):
        resolved({"A": "x${NOBODY_SET_THIS}"}, where=tmp_path)


@pytest.mark.parametrize(
    ("content", "reward"),
    [
        (b"1\n", 1.0),
        (b" 0.5 ", 0.5),
        (b"nan", None),
        (b"", None),
        (b"one", None),
        (b"\xff", None),
    ],
    ids=["one", "half", "nan", "empty", "word", "not text"],
)
def test_a_reward_is_one_finite_number(content: bytes, reward: float | None) -> None:
    found = read_text(content)
    assert (None if found is None else main_reward(found)) == reward


@pytest.mark.parametrize(
    ("content", "reward"),
    [
        (b'{"reward": 1, "style": 0}', 1.0),
        (b'{"a": 1, "b": 0.5}', 0.75),
        (b"0.25", 0.25),
        (b'{"a": "1"}', None),
        (b'{"a": 1e999}', None),
        (b"{}", None),
        (b"{", None),
    ],
    ids=["named", "mean", "bare", "text", "infinite", "none", "half"],
)
def test_rewards_by_name_are_finite_numbers(content: bytes, reward: float | None) -> None:
    found = read_json(content)
    assert (None if found is None else main_reward(found)) == reward


def test_a_harbor_task_is_frozen(tmp_path: Path) -> None:
    harbor: HarborTask = read_task(write_task(tmp_path / "sum"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        harbor.instruction = "another"  # type: ignore[misc]
