"""Promises about tasks: seeds, splits, prompts, and what is saved."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from functools import partial

from forethought.envs.base import Env
from forethought.envs.check.promise import Broken
from forethought.envs.check.subject import Check, Subject
from forethought.envs.play import oracle, play
from forethought.envs.task import Split, Task


async def _prompts(subject: Subject) -> str:
    lengths = [len(prompt) for prompt, _ in await subject.starts(subject.seeds)]
    most = subject.card.prompt_chars
    if min(lengths) == 0:
        raise Broken("a prompt is empty; let begin return what the agent should read first")
    if max(lengths) > most:
        raise Broken(
            f"a prompt has {max(lengths)} characters; at most {most} are stated: shorten it, or "
            "state prompt_chars on the card"
        )
    return f"{min(lengths)} to {max(lengths)} characters; at most {most} are stated"


async def _reproduce(subject: Subject) -> str:
    once, again = await subject.starts(subject.seeds), await subject.starts(subject.seeds)
    for seed, first, second in zip(subject.seeds, once, again, strict=True):
        if first != second:
            raise Broken(
                f"seed {seed} gave two different episodes; take all randomness from the rng that "
                "make_task is given"
            )
    return f"{len(subject.seeds)} seeds, twice"


async def _vary(subject: Subject) -> str:
    distinct = len({_content(task) for _, task in await subject.starts(subject.seeds)})
    if distinct < 2:
        raise Broken(
            f"{len(subject.seeds)} seeds gave one and the same instance; let make_task draw from "
            "its rng"
        )
    return f"{distinct} instances from {len(subject.seeds)} seeds"


async def _disjoint(subject: Subject) -> str:
    if subject.kind is not None and not _takes_split(subject.kind):
        raise Broken(
            "its __init__ takes no split; write it as def __init__(self, *, horizon=None, "
            "split='train') and hand both on to Env"
        )
    splits: tuple[Split, ...] = ("train", "eval")
    contents = []
    starts: dict[Split, dict[str, int]] = {}
    for split in splits:
        found = await subject.starts(subject.seeds, split=split)
        tasks = [task for _, task in found]
        starts[split] = {
            _start(*start): seed for seed, start in zip(subject.seeds, found, strict=True)
        }
        wrong = [task.id for task in tasks if task.split != split]
        if wrong:
            raise Broken(
                f"task {wrong[0]!r} of split {split!r} belongs to the other one; pass the split "
                "on to Env, which draws by it"
            )
        contents.append({_content(task) for task in tasks})
    shared = len(contents[0] & contents[1])
    if shared:
        raise Broken(
            f"{shared} instances are in both splits; put into prompt, answer and data all that "
            "tells instances apart, and nothing that does not"
        )
    await _differ(subject, starts)
    return f"{len(contents[0])} instances and {len(contents[1])}, none in both"


async def _differ(subject: Subject, starts: Mapping[Split, Mapping[str, int]]) -> None:
    """Raises Broken for instances of both splits that nobody who plays them can tell apart."""
    alike = sorted(set(starts["train"]) & set(starts["eval"])) if subject.has_oracle else []
    for start in alike:
        one, other = [
            await play(partial(subject.make, split=split), starts[split][start], oracle)
            for split in ("train", "eval")
        ]
        if (one.observations, one.actions) == (other.observations, other.actions):
            raise Broken(
                f"{one.task.prompt[:40]!r} is in both splits, kept apart by what no episode shows; "
                "leave that out of data"
            )


async def _saved(subject: Subject) -> str:
    for prompt, task in await subject.starts(subject.seeds[:2]):
        loaded = Task.model_validate_json(task.model_dump_json())
        env = subject.make()
        try:
            observation, _ = await env.areset(seed=0, options={"task": loaded})
        finally:
            await env.aclose()
        if observation != prompt:
            raise Broken(
                f"task {task.id!r}, read back from JSON, starts another episode; let begin set "
                "everything up from self.task alone"
            )
    return "read back from JSON, they start the same episode"


def _takes_split(env: type[Env]) -> bool:
    parameters = inspect.signature(env).parameters.values()
    return any(each.name == "split" or each.kind is each.VAR_KEYWORD for each in parameters)


def _start(prompt: str, task: Task) -> str:
    return json.dumps([prompt, task.answer])


def _content(task: Task) -> str:
    return task.model_dump_json(include={"prompt", "answer", "data"})


TASKS: dict[str, Check] = {
    "prompts are there and short": _prompts,
    "seeds reproduce": _reproduce,
    "seeds vary": _vary,
    "train and eval are disjoint": _disjoint,
    "tasks can be saved": _saved,
}
