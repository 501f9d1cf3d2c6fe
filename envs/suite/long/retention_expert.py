"""The expert of the retention environment, who knows nothing but the text before it.

It reads sentences that it understands out of whatever is shown: slips, its own summaries, files it
looks into. What a compressed context no longer shows it does not know, and says so. Where it was
given tools to remember with, it uses them: notes what will be needed, looks up what it misses,
wraps up finished work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from forethought.envs.calls import Json, render_call
from forethought.envs.rewards import normalise
from forethought.envs.suite.long.slips import CLOSING

NOTES = "notes"
"""File of its memory."""
BRANCH_SLIPS, BRANCH_THINGS = 3, 2
"""Slips after which it wraps a branch up, or things to remember that came up in it."""

_NEEDED = re.compile(
    r"For later: the [^.?]+? is \d+\."
    r"|Rule from now on: slips with the \w+ stamp go under shelf \d+\."
    r"|To do at the end, not before: [^.\n]+\."
    r"|No longer to be done: [^.\n]+\."
)
_FACT = re.compile(r"For later: (the [^.?]+?) is (\d+)\.")
_RULE = re.compile(r"Rule from now on: slips with the (\w+) stamp go under shelf (\d+)\.")
_ERRAND = re.compile(r"To do at the end, not before: ([^.\n]+)\.")
_OFF = re.compile(r"No longer to be done: ([^.\n]+)\.")
_RUN = re.compile(r"\bdo ((?:return|send|read out|deliver|show|lend) the [\w ]+? to \w+ \w+)", re.I)
_SLIP = re.compile(r"Slip (\d+): ([^\n]*)\n")
_SHELF = re.compile(r"File it under shelf (\d+)\.")
_QUESTION = re.compile(r"What is (the [^?]+)\? Answer it\.")
_STAMP = re.compile(r", (\w+) stamp$")


@dataclass(frozen=True, slots=True)
class Expert:
    """Acts by a prompt alone, with the tools that it may call."""

    tools: frozenset[str]

    def act(self, prompt: str) -> str:
        """The next action."""
        now = _now(prompt)
        helper = self._note(now) or self._fold(prompt, now)
        if helper:
            return helper
        if CLOSING in now:
            for words in ("To do at the end, not before", "No longer to be done"):
                if look := self._look_up(words, now):
                    return look
            return _closing(prompt)
        if question := _QUESTION.search(now):
            facts = dict(_FACT.findall(prompt))
            if value := facts.get(question[1]):
                return f"answer {value}"
            return self._look_up(f"{question[1]} is", now) or "answer unknown"
        return self._file(prompt, now)

    def retell(self, prompt: str) -> str:
        """The sentences that will be needed, each once, without those that are settled."""
        return "\n".join(_needed(prompt))

    def _file(self, prompt: str, now: str) -> str:
        title = _SLIP.search(now)
        shelf = _SHELF.search(now)
        rules = dict(_RULE.findall(prompt))
        if title and (stamp := _STAMP.search(title[2])):
            if stamp[1] in rules:
                return f"file {rules[stamp[1]]}"
            if look := self._look_up(f"{stamp[1]} stamp go under", now):
                return look
        return f"file {shelf[1]}" if shelf else "file unknown"

    def _note(self, now: str) -> str:
        """Write into the memory what a slip says for later, once."""
        said = _NEEDED.findall(_slip_alone(now))
        if "memory" not in self.tools or not said or f"{NOTES} has " in now or CLOSING in now:
            return ""
        return _call("memory", action="append", path=NOTES, text="\n".join(said))

    def _fold(self, prompt: str, now: str) -> str:
        """Do a few slips in a branch and leave of them only what will be needed."""
        if "branch" not in self.tools or CLOSING in now:
            return ""
        begun, ended = prompt.rfind("You are in the branch now"), prompt.rfind("The branch is done")
        if begun <= ended:
            return "" if _QUESTION.search(now) else _call("branch", description="the next slips")
        before = set(_needed(prompt[:begun]))
        new = [sentence for sentence in _needed(prompt) if sentence not in before]
        if len(_SLIP.findall(prompt[begun:])) < BRANCH_SLIPS and len(new) < BRANCH_THINGS:
            return ""
        return _call("return", message="\n".join([*new, _in_short(now)]))

    def _look_up(self, words: str, now: str) -> str:
        """Read the memory, or find words in what was put aside, once for each slip and words."""
        if "memory" in self.tools and '"action": "view"' not in now:
            return _call("memory", action="view", path=NOTES)
        if "recall" in self.tools and f'"find": "{words}"' not in now:
            return _call("recall", find=words)
        return ""


def _now(prompt: str) -> str:
    """The present slip, or the closing, and what has been done about it."""
    starts = [match.start() for match in re.finditer(r"Slip \d+: ", prompt)]
    closing = prompt.find(CLOSING)
    # What is read again from a file may hold old slips; it is no new one.
    fresh = [start for start in starts if not _is_quoted(prompt, start)]
    if closing >= 0:
        return prompt[closing:]
    return prompt[fresh[-1] :] if fresh else prompt


def _is_quoted(prompt: str, start: int) -> bool:
    """Whether a slip stands in the result of a recall, or behind a pointer."""
    line = prompt.rfind("\n", 0, start) + 1
    if "; recall reads it]" in prompt[line:start]:
        return True
    call = prompt.rfind('"name": "recall"', 0, start)
    return call >= 0 and not re.search(r"(?m)(file|answer|do) \S+$", prompt[call:start])


def _slip_alone(now: str) -> str:
    """The slip without what was done about it."""
    what = _QUESTION.search(now) or _SHELF.search(now)
    return now[: what.end()] if what else now


def _in_short(now: str) -> str:
    """The slip's number, its stamp and what to do with it."""
    slip = _SLIP.search(now)
    what = _QUESTION.search(now) or _SHELF.search(now)
    stamp = _STAMP.search(slip[2]) if slip else None
    title = f"Slip {slip[1]}: {stamp[0] if stamp else ''}\n" if slip else ""
    return f"{title}{what[0] if what else ''}"


def _needed(text: str) -> list[str]:
    """Sentences that will be needed, in order, each once; an errand and its end cancel out."""
    found = list(dict.fromkeys(_NEEDED.findall(text)))
    off = set(_OFF.findall(text))
    return [
        sentence
        for sentence in found
        if not ((errand := _ERRAND.search(sentence)) and errand[1] in off)
    ]


def _closing(prompt: str) -> str:
    """Run the next errand that is open, or finish."""
    off = set(_OFF.findall(prompt))
    run = {normalise(what) for what in _RUN.findall(prompt)}
    for what in dict.fromkeys(_ERRAND.findall(prompt)):
        if what not in off and normalise(what) not in run:
            return f"do {what}"
    return "finish"


def _call(name: str, **arguments: Json) -> str:
    return render_call(name, arguments)
