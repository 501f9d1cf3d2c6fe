"""`forethought new NAME`: a working environment to start from, and its test."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path
from string import Template

from pydantic import JsonValue
from rich.console import Console

_ENV = Template('''"""$title: amounts are looked up one at a time and added up."""

from forethought.envs import Card, Env, Task, register, reward, tool
from forethought.envs.calls import render_call


class $title(Env):
    """Add up entries that can only be read one by one."""

    card = Card(traits=("skills",), horizon_unit="entries", horizons=(1, 256), floor=0.0)
    state_fields = ()  # name here what steps change, so that episodes can be forked

    def make_task(self, rng, *, horizon):
        amounts = [int(amount) for amount in rng.integers(100, 1000, size=horizon)]
        prompt, answer = f"Add up entries 1 to {horizon}; answer with the sum.", str(sum(amounts))
        return Task(id=str(amounts), prompt=prompt, answer=answer, data={"amounts": amounts})

    @tool
    def entry(self, number: int) -> str:
        """read one entry"""
        return str(dict(enumerate(self.task.data["amounts"], 1)).get(number, "no such entry"))

    @reward
    def right(self) -> float:
        """1 if the answer is the sum."""
        return float(self.submitted is not None and self.submitted.answer == self.task.answer)

    def oracle(self):
        if self.num_steps == self.task.horizon:
            return self.task.answer
        plan = f"plan: {self.task.horizon} entries, then their sum\\n" if not self.num_steps else ""
        return plan + render_call("entry", {"number": self.num_steps + 1})

    def floor(self, rng):
        return str(rng.integers(100, 1000))


register("$env_id", $title)
''')

_TEST = Template('''import $name  # registers it

from forethought.envs.check import check_env


def played(*actions: str) -> float:
    """The score of an episode of two entries."""
    env = $name.$title(horizon=2)
    env.reset(seed=0)
    for action in actions:
        *_, info = env.step(action)
    env.close()
    return info["score"]


def test_it_keeps_the_promises_of_an_environment() -> None:
    report = check_env("$env_id")
    assert report.ok, str(report)


def test_the_sum_scores_and_anything_else_does_not() -> None:
    env = $name.$title(horizon=2)
    env.reset(seed=0)
    answer = str(env.task.answer)
    env.close()
    assert played(answer) == 1.0
    assert played(f"It is {answer}, or {answer}0.") == 0.0
    assert played("") == 0.0
''')


def create(name: str, *, folder: Path, console: Console) -> dict[str, JsonValue]:
    """Write NAME.py and test_NAME.py into a folder; returns paths and id.

    Raises ValueError for a name that cannot be a module's or is taken by one, FileExistsError
    where there is such a file, and NotADirectoryError.
    """
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) is None or keyword.iskeyword(name):
        raise ValueError(
            f"{name!r} cannot name an environment; take lower-case letters, digits and _, as in "
            "my_maze"
        )
    if not folder.is_dir():
        raise NotADirectoryError(f"no folder {str(folder)!r}; make it first")
    files = {folder / f"{name}.py": _ENV, folder / f"test_{name}.py": _TEST}
    for path in files:
        if path.exists():
            raise FileExistsError(f"{path} is there already and is not overwritten")
    if importlib.util.find_spec(name) is not None:
        raise ValueError(f"there is a module named {name!r} already; take another name")
    env_id = f"mine/{name.replace('_', '-')}-v0"
    words = {"name": name, "title": name.title().replace("_", ""), "env_id": env_id}
    for path, template in files.items():
        with path.open("x", encoding="utf-8") as file:
            file.write(template.substitute(words))
    source, test = files
    console.print(f"wrote {source} and {test}; next:", markup=False)
    console.print(f"  forethought check {source}:{env_id}", markup=False)
    console.print(f"  forethought eval --env {source}:{env_id} --model oracle", markup=False)
    return {"env": env_id, "file": str(source), "test": str(test)}
