"""Pure scorers: what an agent gave, as a number in [0, 1] where nothing else is said."""

from __future__ import annotations

import math
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


def gated(value: float | None, *gates: bool | None) -> float | None:
    """A reward behind its requirements: `value` if every gate holds, 0 if one does not.

    A requirement of form belongs into a gate. Added to the reward it is a reward of its own: in a
    group of which no episode is right it is all the advantage there is, and form is what is
    learned. A gate, or a value, that is None could not be told: then so is the whole, unless
    another gate has failed.
    """
    if any(gate is False for gate in gates):
        return 0.0
    return None if any(gate is None for gate in gates) else value


def brier(correct: bool, confidence: float) -> float:
    """One minus the squared error of a stated confidence: 1 is perfect, proper and bounded."""
    return 1.0 - (confidence - float(correct)) ** 2


def length_error(num_tokens: int, target: int) -> float:
    """How far a reply's length is from the one that was asked for, as a share of it; with sign.

    Raises ValueError for a target below 1.
    """
    if target < 1:
        raise ValueError(f"a length that is asked for is at least 1 token, not {target}")
    return (num_tokens - target) / target


def lcpo_exact(correct: bool, num_tokens: int, target: int, *, alpha: float = 0.0003) -> float:
    """1 for a right answer, less `alpha` for each token too many or too few; may be negative.

    LCPO-Exact (L1, arXiv 2503.04697, eq. 1): r = 1[correct] - alpha * |target - n|.
    """
    return float(correct) - alpha * abs(target - num_tokens)


def lcpo_max(
    correct: bool, num_tokens: int, target: int, *, alpha: float = 0.0003, delta: float = 0.5
) -> float:
    """Right answers alone are worth something, less the further they are past the target.

    LCPO-Max (L1, arXiv 2503.04697, eq. 2): r = 1[correct] * clip(alpha * (target - n) + delta,
    0, 1). With `delta` above 0 a right answer just past the target beats a wrong one within it.
    """
    return float(correct) * min(1.0, max(0.0, alpha * (target - num_tokens) + delta))


def adapt_think(
    correct: bool, thought: bool, *, reference: float = 0.0, delta: float = 0.05
) -> float:
    """1 for a right answer, less a reference's accuracy, plus `delta` if it came without thought.

    AdaptThink (arXiv 2505.13417, section 4.1): A = 1[no thought] * delta + R - R_ref, where R_ref
    is the mean accuracy of the reference model on the same question. Answering at once pays as long
    as it loses less than `delta` of accuracy; 0 as reference leaves it to a group's own baseline.
    """
    return float(correct) - reference + delta * float(not thought)


def log_score(correct: bool, confidence: float, *, floor: float = 0.01) -> float:
    """The logarithmic score of a stated confidence, scaled to [0, 1]; 1 is perfect.

    What is said to be less likely than `floor` counts as `floor`: unbounded, one sure mistake would
    outweigh everything else. Proper for beliefs within [floor, 1 - floor].
    """
    likely = confidence if correct else 1.0 - confidence
    return 1.0 - math.log(max(likely, floor)) / math.log(floor)
