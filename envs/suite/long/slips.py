"""Slips: the script of a working day in which things said early are needed late.

Every slip has a title, some prose and what to do with it. Some of the first ones say something that
will be needed: a fact, a rule, a thing to do at the end. After so many slips of ordinary work that
a small context has long lost them, each is asked for once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

Kind = Literal["work", "fact", "rule"]

SHELVES = 40
CLOSING = "The slips are done. Do what is still to be done, one thing a turn, then finish."

_SUBJECTS = (
    *("timber for the mill", "a leak in the barn", "oats for the horses", "the north ferry"),
    *("paint for the sluice", "a cracked bell", "the choir's benches", "salt from the coast"),
    *("a dispute over a hedge", "nets left to dry", "the baker's flour", "an unpaid toll"),
    *("rope for the hoist", "the miller's cart", "a lost goose", "sand for the lane"),
)
_WHO = ("the carter", "the ferryman", "the reeve", "a mason", "the cooper", "a weaver")
_DID = ("reports", "complains", "repeats", "admits", "writes", "swears", "adds")
_WHAT = (
    *("the delivery came late", "the count was off by a few", "nobody was there to sign"),
    *("the weather held up the work", "the bill is still to be checked", "two barrels were short"),
    *("the road was under water", "the old ledger was no help", "the price has gone up again"),
    *("the helper fell ill", "the wagon lost a wheel", "the seal was broken on arrival"),
)
_ATTRIBUTES = ("door code", "lamp number", "ledger page", "key number", "box number")
_PLACES = ("Linden archive", "Harbour gate", "Abbey cellar", "Toll house", "Rope loft")
_COLOURS = ("amber", "crimson", "indigo", "olive", "violet", "teal", "ochre", "scarlet")
_DECOYS = ("grey", "black", "white")
_ERRANDS = ("return", "send", "read out", "deliver", "show", "lend")
_OBJECTS = ("the brass key", "the wax seal", "the blue map", "the tin lamp", "the oak chest")
_PEOPLE = ("Ada Brandt", "Ole Lund", "Ines Vaz", "Tom Weir", "Mina Roth", "Jan Kos", "Una Byrne")


class Fact(NamedTuple):
    """`the door code of the Linden archive` is `4417`."""

    key: str
    value: str


class Rule(NamedTuple):
    """Slips with a stamp of this colour go under this shelf."""

    colour: str
    shelf: int


class Errand(NamedTuple):
    """Something to be done at the end, unless it is called off before."""

    what: str
    is_off: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Slip:
    """One turn of work: what is shown, and the action that is right."""

    kind: Kind
    text: str
    wanted: str
    round: int = 0
    """Of checks, from 1; 0 for ordinary work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """A whole day."""

    facts: tuple[Fact, ...]
    rules: tuple[Rule, ...]
    errands: tuple[Errand, ...]
    slips: tuple[Slip, ...]


def script_of(seed: int, *, things: int, rounds: int, gap: int, words: int) -> Script:
    """The script drawn from a seed.

    `things` are planted, by turns facts, rules and errands. Before each of the `rounds` of checks
    there are `gap` slips of ordinary work, of about `words` words of prose each.
    """
    rng = np.random.default_rng(seed)
    facts = _facts(rng, (things + 2) // 3)
    rules = _rules(rng, (things + 1) // 3)
    errands = _errands(rng, things // 3)
    desk = _Desk(rng, words)
    for index in range(things):
        desk.work(_planted(index, facts, rules, errands))
    off = [errand.what for errand in errands if errand.is_off]
    for number in range(1, rounds + 1):
        for index in range(gap):
            # What is called off is called off in the middle, when it may be forgotten already.
            is_middle = number == (rounds + 1) // 2 and index == gap // 2
            desk.work(*[_off(what) for what in off] if is_middle else [])
        for fact in facts[number - 1 :: rounds]:
            desk.ask(fact, number)
        for rule in rules[number - 1 :: rounds]:
            desk.apply(rule, number)
    return Script(
        facts=tuple(facts), rules=tuple(rules), errands=tuple(errands), slips=tuple(desk.slips)
    )


def told_fact(fact: Fact) -> str:
    """The sentence that tells a fact."""
    return f"For later: {fact.key} is {fact.value}."


def told_rule(rule: Rule) -> str:
    """The sentence that sets a rule."""
    return f"Rule from now on: slips with the {rule.colour} stamp go under shelf {rule.shelf}."


def told_errand(what: str) -> str:
    """The sentence that leaves something open."""
    return f"To do at the end, not before: {what}."


def _off(what: str) -> tuple[str, str]:
    return "something is called off", f"No longer to be done: {what}."


def _planted(
    index: int, facts: Sequence[Fact], rules: Sequence[Rule], errands: Sequence[Errand]
) -> tuple[str, str]:
    """Title and sentence of the slip that plants a thing."""
    place = index // 3
    if index % 3 == 0:
        return facts[place].key.removeprefix("the "), told_fact(facts[place])
    if index % 3 == 1:
        return f"a rule for the {rules[place].colour} stamp", told_rule(rules[place])
    return "something to do at the end", told_errand(errands[place].what)


class _Desk:
    """Writes slips, numbered as they come."""

    def __init__(self, rng: np.random.Generator, words: int) -> None:
        self.slips: list[Slip] = []
        self._rng = rng
        self._words = words

    def work(self, *planted: tuple[str, str]) -> None:
        """An ordinary slip, with sentences that will be needed."""
        title = planted[0][0] if planted else _one(self._rng, _SUBJECTS)
        shelf = int(self._rng.integers(1, SHELVES + 1))
        stamp = f", {_one(self._rng, _DECOYS)} stamp" if self._rng.random() < 0.2 else ""
        said = " ".join(sentence for _, sentence in planted)
        text = " ".join(filter(None, [self._prose(), said, f"File it under shelf {shelf}."]))
        self._add(f"{title}{stamp}", text, kind="work", wanted=f"file {shelf}")

    def ask(self, fact: Fact, number: int) -> None:
        """A question about a fact."""
        text = f"What is {fact.key}? Answer it."
        self._add("a question", text, kind="fact", wanted=f"answer {fact.value}", round=number)

    def apply(self, rule: Rule, number: int) -> None:
        """A slip that falls under a rule and says something else itself."""
        shelves = [shelf for shelf in range(1, SHELVES + 1) if shelf != rule.shelf]
        shelf = shelves[int(self._rng.integers(len(shelves)))]
        title = f"{_one(self._rng, _SUBJECTS)}, {rule.colour} stamp"
        text = f"{self._prose()} File it under shelf {shelf}."
        self._add(title, text, kind="rule", wanted=f"file {rule.shelf}", round=number)

    def _add(self, title: str, text: str, *, kind: Kind, wanted: str, round: int = 0) -> None:
        whole = f"Slip {len(self.slips) + 1}: {title}\n{text}"
        self.slips.append(Slip(kind=kind, text=whole, wanted=wanted, round=round))

    def _prose(self) -> str:
        """Sentences about nothing, of at least so many words together."""
        sentences: list[str] = []
        while sum(len(sentence.split()) for sentence in sentences) < self._words:
            who, did = _one(self._rng, _WHO), _one(self._rng, _DID)
            first, second = self._rng.choice(len(_WHAT), 2, replace=False)
            sentence = f"{who} {did} that {_WHAT[first]} and that {_WHAT[second]}."
            sentences.append(sentence[0].upper() + sentence[1:])
        return " ".join(sentences)


def _facts(rng: np.random.Generator, count: int) -> list[Fact]:
    keys = [f"the {attribute} of the {place}" for attribute in _ATTRIBUTES for place in _PLACES]
    picks = rng.choice(len(keys), count, replace=False)
    values = rng.choice(np.arange(1000, 10_000), count, replace=False)
    return [Fact(keys[pick], str(value)) for pick, value in zip(picks, values, strict=True)]


def _rules(rng: np.random.Generator, count: int) -> list[Rule]:
    colours = rng.choice(len(_COLOURS), count, replace=False)
    shelves = rng.choice(np.arange(1, SHELVES + 1), count, replace=False)
    return [Rule(_COLOURS[at], int(shelf)) for at, shelf in zip(colours, shelves, strict=True)]


def _errands(rng: np.random.Generator, count: int) -> list[Errand]:
    """Different errands; of two or more, one is called off."""
    all_of_them = [
        f"{errand} {thing} to {who}" for errand in _ERRANDS for thing in _OBJECTS for who in _PEOPLE
    ]
    picks = rng.choice(len(all_of_them), count, replace=False)
    off = int(rng.integers(count)) if count > 1 else -1
    return [Errand(all_of_them[pick], index == off) for index, pick in enumerate(picks)]


def _one(rng: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]
