"""The customer of a tau-bench task, by script or by a model.

By script they open with all that they want, tell who they are when asked, say yes when asked to
confirm, answer any other question with the sentence of their instruction that is nearest to it,
and hang up when the agent has nothing more to do or to ask. The same words get the same answer.

A model gets the instruction and the conversation with the rules of upstream's user
(sierra-research/tau-bench, `tau_bench/envs/user.py`), and ends it in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

STOP = "###STOP###"
GO_ON = "Please go on, or tell me if all of it is done."
GREETING = "Hello, I need help with something at your shop."
_NOTHING_MORE = "I have told you all that I know. Please do what you can with it."

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_WHO = re.compile(r"\byour name is\b|@|\bzip code\b|\byour user id\b", re.IGNORECASE)
_PERSONA = re.compile(r"You(?: are|'re) (?:very )?[\w-]+(?:,? [\w-]+)*[.,]?")
_CLAUSE_WORDS = re.compile(r"\b(?:to|that|the|a|with|about|for|in|not)\b")

_ASKS = re.compile(r"\?|\bplease\b|\byes/no\b|\blet me know\b", re.IGNORECASE)
_ASKS_WHO = re.compile(
    r"\be-?mail\b|\bzip\b|\bpostal\b|\b(?:your|full|first|last) name\b|\bidentity\b|\buser id\b",
    re.IGNORECASE,
)
_ASKS_YES = re.compile(
    r"\byes/no\b|\(yes\b|\bconfirm\b|\bproceed\b|\bgo ahead\b|\bis that (?:right|correct)\b"
    r"|\b(?:shall|should) I\b|\b(?:want|like) me to\b",
    re.IGNORECASE,
)
_IS_OPEN = re.compile(r"(?:how|what|when|where|which|who|why)\b", re.IGNORECASE)
_ASKS_MORE = re.compile(
    r"\b(?:any|some)thing else\b|\bany (?:other|further|more)\b|\bfurther\b", re.IGNORECASE
)
_WORD = re.compile(r"[a-z0-9]{4,}")
_SENSES = {
    "payment": re.compile(r"payment|paypal|\bcredit|\bgift|\bcard|refund"),
    "order": re.compile(r"\border\b|#w\d"),
}
"""What may be called by several words."""
_STOP_WORDS = frozenset(
    ("your", "that", "this", "with", "what", "which", "would", "like", "could", "have", "please")
)

_PRONOUNS = {
    "you are": "I am",
    "you were": "I was",
    "you're": "I'm",
    "you've": "I've",
    "you'd": "I'd",
    "you'll": "I'll",
    "yourself": "myself",
    "yours": "mine",
    "your": "my",
    "you": "I",
}
_PRONOUN = re.compile(
    r"(?P<object>\b(?:to|for|with|from|about|of|ask|tell|give|gives|send|unsubscribe) you\b(?!'))"
    rf"|\b(?:{'|'.join(_PRONOUNS)})\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Customer:
    """What a customer knows, in sentences, as they say them."""

    identity: tuple[str, ...]
    requests: tuple[str, ...]

    @classmethod
    def of(cls, instruction: str) -> Customer:
        """Who the instruction is given to; what it says of their temper is left out."""
        sentences = _SENTENCE.split(instruction.strip())
        who = tuple(each for each in sentences if _WHO.search(each))
        rest = tuple(each for each in sentences if each not in who and not _is_persona(each))
        return cls(
            identity=tuple(map(first_person, who)), requests=tuple(map(first_person, rest or who))
        )

    @property
    def opening(self) -> str:
        """What they say first."""
        return " ".join(("Hello.", *self.requests))

    def answer(self, message: str, *, has_acted: bool, was_urged: bool) -> str | None:
        """What they say to a message; None if they hang up.

        `has_acted` tells whether the agent called a tool since they last spoke, `was_urged` whether
        GO_ON was what they said then.
        """
        asked = [each for each in _SENTENCE.split(message) if _ASKS.search(each)]
        questions = [each for each in asked if not _ASKS_MORE.search(each)]
        if asked and not questions:
            return None
        if not asked:
            return None if was_urged and not has_acted else GO_ON
        return " ".join(dict.fromkeys(map(self._reply, questions)))

    def _reply(self, question: str) -> str:
        if _ASKS_WHO.search(question) and self.identity:
            return " ".join(self.identity)
        if _ASKS_YES.search(question) and not _IS_OPEN.match(question):
            return "Yes, please go ahead."
        wanted = _words(question)
        best = max(self.requests, key=lambda each: len(wanted & _words(each)))
        return best if wanted & _words(best) else _NOTHING_MORE


def user_prompt(instruction: str, dialogue: Sequence[tuple[str, str]]) -> str:
    """What a model is asked that plays the customer; lines of "agent" and "user" so far."""
    lines = "\n".join(
        f"{'You' if who == 'user' else 'Agent'}: {text}"
        for who, text in dialogue
        if who in ("user", "agent")
    )
    return (
        f"You are a customer who talks to a shop's service agent.\n\nInstruction: {instruction}\n\n"
        "Rules:\n"
        "- Say one line at a time, as this customer would.\n"
        "- Do not give the whole instruction away at once; say what the present step needs.\n"
        "- Do not make up what the instruction does not say; then say that you do not remember.\n"
        f"- When all that the instruction wants is done, say {STOP} and nothing else.\n"
        "- Do not repeat the instruction's words; keep to its character in your own.\n\n"
        f"The conversation so far:\n{lines}\n\nWrite what you say next, and only that."
    )


def first_person(text: str) -> str:
    """An instruction ("you've ordered") as the one who got it says it ("I've ordered")."""
    return _PRONOUN.sub(_turned, text)


def _turned(match: re.Match[str]) -> str:
    found = match.group()
    if match.group("object"):
        return f"{found[: -len('you')]}me"
    mine = _PRONOUNS[found.lower()]
    return mine[0].upper() + mine[1:] if found[0].isupper() else mine


def _is_persona(sentence: str) -> bool:
    """Whether a sentence only describes a temper: `You are patient, shy.`"""
    return _PERSONA.fullmatch(sentence) is not None and not _CLAUSE_WORDS.search(sentence)


def _words(text: str) -> set[str]:
    said = text.lower()
    words = {word.removesuffix("s") for word in _WORD.findall(said)} - _STOP_WORDS
    return words | {sense for sense, pattern in _SENSES.items() if pattern.search(said)}
