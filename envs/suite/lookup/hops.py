"""Hops: find where a route through a small encyclopedia ends, one page after the other.

    route: Saba > part of > part of > river      open Saba
                                                 Saba: an island in ...; part of: Antilles

The horizon is the number of pages that must be read, each named by the one before it. A route has
at most five steps; a longer horizon is several routes, whose ends are all asked for.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np
from pydantic import JsonValue

from forethought.envs.base import Env
from forethought.envs.calls import Json, render_call
from forethought.envs.card import Card
from forethought.envs.lines import first_command, without_plan
from forethought.envs.rewards import brier, exact_match
from forethought.envs.scoring import metric, reward
from forethought.envs.search.retrieval import Retriever
from forethought.envs.suite.lookup.places import atlas, places_index
from forethought.envs.suite.lookup.routes import UP, Route, draw_route, split_steps
from forethought.envs.task import Split, Task
from forethought.envs.tools import tool

_RULES = (
    "Follow the route from its first place and answer with the title where it ends. "
    f"'{UP}' leads to what the place is part of, any other word to its only part of that kind."
)
_LINES = """One action a turn:
open TITLE
find TITLE: WORD
search WORDS
answer TITLE"""
_CALLS = "Call a tool each turn; a reply without a call is taken as the answer."
_HINT = "Write one of: open TITLE, find TITLE: WORD, search WORDS, answer TITLE"
_MAX_LINES = 6
_TERSE_WORDS = 12
_MAX_DRAWS = 1000


class Hops(Env):
    """Multi-hop search over WordNet's places, with search, open and find.

    Actions are tool calls or plain lines (`open Aachen`); any other text is the answer. `terse`
    is for small models: no tools in the prompt, shorter pages, and text that is no action is an
    error to be told instead of an answer.
    """

    card: ClassVar[Card] = Card(
        traits=("skills", "strategy", "calibration"),
        horizon_unit="pages to read",
        horizons=(1, 16),
        licence="Apache-2.0, corpus under the WordNet 3.0 licence",
        floor=0.0,
        source="WordNet 3.0 (https://wordnet.princeton.edu), its places and what they are part of",
    )
    state_fields = ("read",)
    pages: Retriever

    def __init__(
        self, *, horizon: int | None = None, split: Split = "train", terse: bool = False
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        self.terse = terse
        self.instructions = f"{_RULES}\n{_LINES if terse else _CALLS}"
        if terse:
            self.tools = {}
        self.routes: tuple[Route, ...] = ()
        self.read: dict[tuple[str, str], None] = {}
        """What was read, in order: a page's title and the step that its text gave away."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """Routes whose pages add up to `horizon`; no page is needed twice for the same step."""
        routes: list[Route] = []
        for length in split_steps(horizon):
            routes.append(_draw_apart(rng, length, routes))
        return task_of(routes)

    async def begin(self) -> str:
        """Forget what was read. Raises ValueError if the task has no routes."""
        self.pages = places_index()
        self.routes = _routes_of(self.task)
        self.read = {}
        return self.task.prompt

    async def reply(self, text: str) -> str:
        """Carry out the first line that is an action; see the class for what other text is."""
        command = first_command(text, ("open", "find", "search", "answer"))
        if command is None:
            answer = without_plan(text)
            if answer and not self.terse:
                return self.submit(answer)
            self.info["format_error"] = True
            return _HINT
        verb, rest = command
        try:
            return self._do(verb, rest)
        except LookupError as error:
            return str(error.args[0])

    def _do(self, verb: str, rest: str) -> str:
        if verb == "answer":
            return self.submit(rest)
        if verb == "open":
            return self.open(rest)
        if verb == "search":
            return self.search(rest)
        title, colon, word = rest.rpartition(":")
        return self.find(title, word.strip()) if colon else "Write: find TITLE: WORD"

    @tool
    def search(self, query: str) -> str:
        """find pages by any words"""
        found = self.pages.search(query, 3 if self.terse else 5)
        if not found:
            return f"nothing found for {query[:60]!r}"
        if self.terse:
            return "; ".join(document.title for document in found)
        return "\n".join(
            f"{document.title}: {document.text.partition(chr(10))[0]}" for document in found
        )

    @tool
    def open(self, title: str) -> str:
        """read what a page is about and what it is part of"""
        document = self.pages.open(title)
        self.read[document.title, UP] = None
        lines = document.text.splitlines()
        gloss = _cut(lines[0]) if self.terse else lines[0]
        wholes = [line for line in lines[1:] if line.startswith(f"{UP}: ")]
        return "; ".join([f"{document.title}: {gloss}", *wholes])

    @tool
    def find(self, title: str, pattern: str) -> str:
        """list the lines of a page, its parts among them, that contain a word or kind"""
        document = self.pages.open(title)
        lines = self.pages.find(document.title, pattern)
        if lines:
            self.read[document.title, pattern.casefold()] = None
        shown = [_cut(line) if self.terse else line for line in lines[:_MAX_LINES]]
        if len(lines) > _MAX_LINES:
            shown.append(f"and {len(lines) - _MAX_LINES} more")
        return "\n".join(shown) or f"{document.title}: nothing about {pattern[:60]!r}"

    @tool
    def submit(self, answer: str, confidence: float | None = None) -> str:
        """give the final answer (several: A; B) and, from 0 to 1, how sure you are"""
        return super().submit(answer, confidence)

    @reward
    def correct(self) -> float:
        """1 if every end is named, in order, by its title or another of its names."""
        if self.submitted is None:
            return 0.0
        golds = [atlas().places[route.end].names for route in self.routes]
        answers = self.submitted.answer.split(";")
        if len(answers) != len(golds):
            return 0.0
        return min(exact_match(*pair) for pair in zip(answers, golds, strict=True))

    @metric
    def documents_opened(self) -> float:
        """Different pages read."""
        return float(len({title for title, _ in self.read}))

    @metric
    def recall(self) -> float:
        """Share of the pages on the routes, ends left out, that were read."""
        gold = {title for route in self.routes for title in route.titles[:-1]}
        return len(gold & {title for title, _ in self.read}) / len(gold)

    @metric
    def calibration(self) -> float | None:
        """Brier score of the stated confidence; None if none was stated."""
        if self.submitted is None or self.submitted.confidence is None:
            return None
        return brier(self.correct() == 1.0, self.submitted.confidence)

    def oracle(self) -> str:
        """The next page of the routes, or the answer; the first reply opens with the plan."""
        steps = [move for route in self.routes for move in route.moves]
        missing = [
            n for n, (title, step) in enumerate(steps) if (title, step.casefold()) not in self.read
        ]
        if missing:
            title, step = steps[missing[0]]
            action = self._written(missing[0] + 1, title, step)
        else:
            ends = "; ".join(route.end for route in self.routes)
            action = f"answer {ends}" if self.terse else render_call("submit", {"answer": ends})
        return f"{plan_of(self.routes)}\n{action}" if self.num_steps == 0 else action

    def _written(self, number: int, title: str, step: str) -> str:
        if self.terse:
            return f"{number}. open {title}" if step == UP else f"{number}. find {title}: {step}"
        arguments: dict[str, Json] = {"title": title}
        if step == UP:
            return render_call("open", arguments)
        return render_call("find", {**arguments, "pattern": step})

    def floor(self, rng: np.random.Generator) -> str:
        """Open, search or answer with a random title."""
        titles = list(atlas().places)
        verb = ("open", "search", "answer")[int(rng.integers(3))]
        return f"{verb} {titles[int(rng.integers(len(titles)))]}"


def task_of(routes: list[Route]) -> Task:
    """The task of following `routes`."""
    if len(routes) == 1:
        prompt = f"route: {routes[0]}"
    else:
        lines = [f"route {number}: {route}" for number, route in enumerate(routes, 1)]
        letters = "; ".join("ABCDEFGH"[: len(routes)])
        prompt = "\n".join([*lines, f"answer all ends in order: {letters}"])
    data: dict[str, JsonValue] = {"routes": [route.model_dump(mode="json") for route in routes]}
    return Task(
        id=f"hops-{hashlib.sha256(prompt.encode()).hexdigest()[:12]}",
        prompt=prompt,
        answer="; ".join(route.end for route in routes),
        data=data,
        traits=Hops.card.traits,
        horizon=sum(len(route.steps) for route in routes),
    )


def plan_of(routes: tuple[Route, ...]) -> str:
    """Routes in short: `plan: open 2 pages, find river, answer`."""
    parts = [
        [f"open {count} page{'s' * (count > 1)}", *(f"find {step}" for step in route.steps[count:])]
        for route in routes
        for count in [route.steps.count(UP)]
    ]
    return f"plan: {'; '.join(', '.join(part) for part in parts)}, answer"


def _draw_apart(rng: np.random.Generator, length: int, others: list[Route]) -> Route:
    """A route that has no step on the same page in common with the others."""
    taken = {move for route in others for move in route.moves}
    for _ in range(_MAX_DRAWS):
        route = draw_route(rng, length)
        if taken.isdisjoint(route.moves):
            return route
    raise RuntimeError(f"no route of {length} steps apart from {len(others)} others was drawn")


def _routes_of(task: Task) -> tuple[Route, ...]:
    listed = task.data.get("routes")
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"task {task.id!r} holds no routes; hops tasks are made by task_of")
    routes = tuple(Route.model_validate(item) for item in listed)
    strange = [title for route in routes for title in route.titles if title not in atlas().places]
    if strange:
        raise ValueError(f"task {task.id!r}: no place has the title {strange[0]!r}")
    return routes


def _cut(text: str) -> str:
    words = text.split()
    return text if len(words) <= _TERSE_WORDS else " ".join(words[:_TERSE_WORDS]) + " ..."
