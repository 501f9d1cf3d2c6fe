"""The word-level template: any text comes back, frequent words are one token."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agents.templates.template import Role
from forethought.agents.templates.words import WordTemplate

TEXTS = ["pick-up a\nstack a b", "plan: a on b; b on c", "pick-up b", "naïve 12 Straße"]
TEMPLATE = WordTemplate.fit(TEXTS)
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


@given(st.text() | st.lists(st.sampled_from(TEXTS)).map(" ".join))
def test_any_text_comes_back(text: str) -> None:
    ids = TEMPLATE.encode(text)
    assert TEMPLATE.decode(ids) == text
    assert all(0 <= token < TEMPLATE.vocab_size for token in ids)
    assert not TEMPLATE.stop_ids & set(ids)


@given(st.lists(st.integers(0, TEMPLATE.vocab_size + 5)))
def test_whatever_is_sampled_has_a_text(ids: list[int]) -> None:
    assert isinstance(TEMPLATE.decode(ids), str)


def test_words_of_the_vocabulary_are_one_token_and_others_are_bytes() -> None:
    assert len(TEMPLATE.encode("pick-up")) == 1
    assert len(TEMPLATE.encode(" b")) == 1
    assert TEMPLATE.encode("pick-upx") == list(b"pick-upx")
    assert TEMPLATE.encode("\n") == [10]


def test_the_most_frequent_words_make_the_vocabulary() -> None:
    template = WordTemplate.fit(["bb bb bb cc cc dd"], max_words=2)
    assert template.words == [" bb", " cc"]
    assert template.vocab_size == 256 + 4 + 1 + 2
    assert len(WordTemplate.fit([]).words) == 0


def test_a_message_is_its_role_its_text_and_the_end() -> None:
    (stop,) = TEMPLATE.stop_ids
    for role in ROLES:
        opening, *text, closing = TEMPLATE.render(role, "stack a b")
        assert TEMPLATE.decode([opening]) == ""
        assert TEMPLATE.decode(text) == "stack a b"
        assert closing == stop
    assert len({TEMPLATE.render(role, "")[0] for role in ROLES}) == 4


def test_an_opened_and_closed_reply_is_a_rendered_message() -> None:
    ids = TEMPLATE.encode("pick-up a")
    cut = [*TEMPLATE.reply_opening(), *ids, *TEMPLATE.reply_closing(stopped=False)]
    (stop,) = TEMPLATE.stop_ids
    whole = [*TEMPLATE.reply_opening(), *ids, stop, *TEMPLATE.reply_closing(stopped=True)]
    assert cut == whole == TEMPLATE.render("assistant", "pick-up a")


def test_half_of_a_surrogate_pair_becomes_a_question_mark() -> None:
    assert TEMPLATE.decode(TEMPLATE.encode("a \ud800 b")) == "a ? b"
    assert WordTemplate.fit(["\ud800"]).words == []


def test_a_saved_vocabulary_is_the_same_again(tmp_path: Path) -> None:
    TEMPLATE.save(tmp_path)
    again = WordTemplate.load(tmp_path)
    assert again.words == TEMPLATE.words
    for text in TEXTS:
        assert again.render("user", text) == TEMPLATE.render("user", text)


@pytest.mark.parametrize("max_words", [0, 1, 2000])
def test_a_vocabulary_is_the_same_whatever_the_order_of_its_texts(max_words: int) -> None:
    there = WordTemplate.fit(TEXTS, max_words=max_words)
    back = WordTemplate.fit(reversed(TEXTS), max_words=max_words)
    assert there.words == back.words
