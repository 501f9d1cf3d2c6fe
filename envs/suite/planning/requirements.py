"""Requirements: what a PDDL file may ask of its reader, and why some of it is refused."""

from __future__ import annotations

from collections.abc import Iterable

from forethought.envs.suite.planning.brackets import Group, fault, words

SUPPORTED = (":strips", ":typing", ":negative-preconditions", ":equality")

_CONJUNCTIONS = "preconditions and goals are conjunctions of literals here"
_NO_NUMBERS = "there are no numbers here: a plan counts its actions"
_NO_TIME = "there is no time here: one action follows the other"
_REASONS = {
    ":adl": "it brings disjunctions, quantifiers and conditional effects",
    ":ucpop": "it brings quantifiers and conditional effects",
    ":disjunctive-preconditions": _CONJUNCTIONS,
    ":existential-preconditions": _CONJUNCTIONS,
    ":universal-preconditions": _CONJUNCTIONS,
    ":quantified-preconditions": _CONJUNCTIONS,
    ":conditional-effects": "an effect takes place whatever else holds here",
    ":derived-predicates": "what holds is what actions add and delete here",
    ":axioms": "what holds is what actions add and delete here",
    ":domain-axioms": "what holds is what actions add and delete here",
    ":fluents": _NO_NUMBERS,
    ":numeric-fluents": _NO_NUMBERS,
    ":object-fluents": "there are no functions here, only predicates",
    ":action-costs": _NO_NUMBERS,
    ":durative-actions": _NO_TIME,
    ":duration-inequalities": _NO_TIME,
    ":continuous-effects": _NO_TIME,
    ":timed-initial-literals": _NO_TIME,
    ":timed-initial-fluents": _NO_TIME,
    ":time": _NO_TIME,
    ":constraints": "a goal is about the last state here",
    ":preferences": "a goal is reached or not here",
    ":open-world": "what is not said to hold does not hold here",
}


def require_supported(sections: Iterable[Group]) -> None:
    """Raises ValueError naming the first requirement that is not supported, and why it is not."""
    for section in sections:
        for word in words(section.items[1:]):
            if word.text not in SUPPORTED:
                reason = _REASONS.get(word.text, "it is none that PDDL has")
                raise fault(
                    word,
                    f"requirement {word} is not supported: {reason}; supported are "
                    f"{', '.join(SUPPORTED)}",
                )
