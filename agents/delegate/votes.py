"""Votes: reducing parallel answers to one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from forethought.envs.rewards import normalise

_NUMBER = re.compile(r"\d+")


def majority(answers: Sequence[str]) -> str:
    """The answer given most often after normalisation, in the words of its first giver.

    Among equals the earliest wins, so the result does not depend on timing. Who says nothing has
    no vote, unless nobody says anything.
    """
    answers = [answer for answer in answers if answer] or answers
    keys = [normalise(answer) for answer in answers]
    winner, _ = Counter(keys).most_common(1)[0]
    return answers[keys.index(winner)]


def numbered(answers: Sequence[str]) -> str:
    """Answers as a numbered list, from 1; a single answer as it is."""
    if len(answers) == 1:
        return answers[0]
    return "\n".join(f"{number}. {answer}" for number, answer in enumerate(answers, 1))


def judge_prompt(question: str, answers: Sequence[str]) -> str:
    """Asks which of the numbered answers is best."""
    return (
        f"Question:\n{question}\n\nAnswers:\n{numbered(answers)}\n\n"
        "Which answer is best? Reply with its number only."
    )


def merge_prompt(question: str, answers: Sequence[str]) -> str:
    """Asks for one answer made of several."""
    return (
        f"Question:\n{question}\n\nAnswers:\n{numbered(answers)}\n\n"
        "Merge these into one answer: keep what is right, resolve what disagrees. "
        "Reply with the answer only."
    )


def judged(verdict: str, answers: Sequence[str]) -> str:
    """The answer whose number the verdict names last; the first if it names none of them."""
    numbers = [int(found) for found in _NUMBER.findall(verdict)]
    named = [number for number in numbers if 1 <= number <= len(answers)]
    return answers[named[-1] - 1] if named else answers[0]


def without_thought(text: str) -> str:
    """A reply without what was thought before it; nothing is left of a thought without an end."""
    return text.rpartition("</think>")[2].partition("<think>")[0].strip()
