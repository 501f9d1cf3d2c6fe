"""STRIPS problems as tasks, in any wording, and back."""

from __future__ import annotations

import hashlib

import numpy as np
from pydantic import BaseModel, ConfigDict

from forethought.envs.suite.planning.strips import Atom, Problem
from forethought.envs.suite.planning.wording import Naming, Wording, anonymous, renamed
from forethought.envs.task import Task, Trait, hidden_of


class _Data(BaseModel):
    """Hidden part of a task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    domain: str
    objects: tuple[str, ...]
    init: tuple[Atom, ...]
    goal: tuple[Atom, ...]
    words: dict[str, str]
    unsaid: tuple[str, ...]


def renamed_task(
    problem: Problem,
    plain: Wording,
    naming: Naming,
    rng: np.random.Generator,
    *,
    horizon: int,
    traits: tuple[Trait, ...],
) -> Task:
    """The task of a problem told in plain words, or in others with the rules in the prompt."""
    if naming == "plain":
        return strips_task(problem, plain, horizon=horizon, traits=traits)
    words = renamed(plain, naming, rng)
    return strips_task(anonymous(problem, rng), words, horizon=horizon, traits=traits, rules=True)


def strips_task(
    problem: Problem,
    wording: Wording,
    *,
    horizon: int,
    traits: tuple[Trait, ...],
    rules: bool = False,
) -> Task:
    """The task of a problem; `horizon` is the length of a shortest plan.

    `rules` puts those of the domain into the prompt, where the instructions do not give them.
    """
    told = [wording.rules] if rules else []
    facts = wording.facts(problem.init)
    told += [facts] if facts else []
    told += [wording.state(problem.init), f"goal: {wording.goal(problem.goal)}"]
    prompt = "\n".join(told)
    data = _Data(
        domain=wording.domain.name,
        objects=problem.objects,
        init=tuple(sorted(problem.init)),
        goal=tuple(sorted(problem.goal)),
        words=dict(wording.words),
        unsaid=tuple(sorted(wording.unsaid)),
    )
    digest = hashlib.sha256(prompt.encode()).hexdigest()[:12]
    return Task(
        id=f"{wording.domain.name}-{digest}",
        prompt=prompt,
        data=data.model_dump(mode="json"),
        traits=traits,
        horizon=horizon,
    )


def read_strips_task(task: Task, plain: Wording) -> tuple[Problem, Wording]:
    """The problem and the words of a task; `plain` is the domain in its own words.

    Raises ValueError if the task is one of another domain, its words are not those of this one, or
    it tells of what is not there.
    """
    domain = plain.domain
    advice = "make one with strips_task"
    data = hidden_of(task, _Data, told=f"is no {domain.name} task", advice=advice)
    if data.domain != domain.name:
        raise ValueError(f"task {task.id!r} is one of {data.domain!r}, not of {domain.name!r}")
    if data.words.keys() != plain.words.keys() or len(set(data.words.values())) < len(plain.words):
        raise ValueError(
            f"task {task.id!r}: each of {', '.join(plain.words)} needs a word of its own"
        )
    known = plain.words.keys() - domain.schemas.keys()
    objects = set(data.objects)
    for predicate, *arguments in (*data.init, *data.goal):
        strange = [name for name in arguments if name not in objects]
        if predicate not in known or strange:
            told = " ".join((predicate, *arguments))
            raise ValueError(
                f"task {task.id!r}: ({told}) is not about objects of the task in predicates of "
                f"{domain.name!r}"
            )
    problem = Problem(
        name=task.id,
        objects=data.objects,
        init=frozenset(data.init),
        goal=frozenset(data.goal),
    )
    wording = Wording(
        domain=domain,
        words=data.words,
        unsaid=frozenset(data.unsaid),
        landmarks=plain.landmarks,
    )
    return problem, wording
