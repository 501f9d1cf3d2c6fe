"""Canary: how much of a task's answer and question stands in a text that came from outside.

Benchmarks leak: a search may find the page that holds the very question with its answer. Nothing is
decided here; the numbers go into the record, where such episodes can be found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
_MAX_ANSWER_WORDS = 32
_SHINGLE = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Canary:
    """What should not be found outside."""

    answer: str
    question: str

    def overlap(self, text: str) -> dict[str, float]:
        """Shares, from 0 to 1, of the answer and of the question that stand in `text`."""
        return {
            "answer": round(answer_overlap(self.answer, text), 3),
            "question": round(question_overlap(self.question, text), 3),
        }


def answer_overlap(answer: str, text: str) -> float:
    """The longest run of the answer's words that stands in the text, as a share of the answer."""
    words = _words(answer)[:_MAX_ANSWER_WORDS]
    found = f" {' '.join(_words(text))} "
    for length in range(len(words), 0, -1):
        runs = (words[at : at + length] for at in range(len(words) - length + 1))
        if any(f" {' '.join(run)} " in found for run in runs):
            return length / len(words)
    return 0.0


def question_overlap(question: str, text: str) -> float:
    """The share of the question's runs of eight words that stand in the text."""
    words = _words(question)
    found = f" {' '.join(_words(text))} "
    length = min(_SHINGLE, len(words))
    runs = [f" {' '.join(words[at : at + length])} " for at in range(len(words) - length + 1)]
    return sum(run in found for run in runs) / len(runs) if length else 0.0


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
