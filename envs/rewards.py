"""Pure scorers: text in, a number in [0, 1] out."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces (SQuAD's normalisation)."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, golds: Sequence[str]) -> float:
    """1 if the normalised answer equals one of the golds, else 0."""
    return float(normalise(answer) in {normalise(gold) for gold in golds})


def token_f1(answer: str, gold: str) -> float:
    """Harmonic mean of token precision and recall after normalisation."""
    given, wanted = Counter(normalise(answer).split()), Counter(normalise(gold).split())
    shared = sum((given & wanted).values())
    if shared == 0:
        return 0.0
    return 2 * shared / (sum(given.values()) + sum(wanted.values()))


def brier(correct: bool, confidence: float) -> float:
    """One minus the squared error of a stated confidence: 1 is perfect, proper and bounded."""
    return 1.0 - (confidence - float(correct)) ** 2
