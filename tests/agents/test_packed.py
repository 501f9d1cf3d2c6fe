"""Messages as ids that turn back into messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agents.templates.packed import PackedTemplate
from forethought.agents.templates.template import Role

roles = st.sampled_from(["system", "user", "assistant", "tool"])


@given(st.lists(st.tuples(roles, st.text())))
def test_packed_messages_come_back_exactly(messages: list[tuple[Role, str]]) -> None:
    template = PackedTemplate()
    ids = [token for role, text in messages for token in template.render(role, text)]
    clean = [(r, t.encode("utf-8", "replace").decode()) for r, t in messages]
    assert template.messages(ids + template.reply_opening()) == clean


@given(st.text(), st.integers(1, 40))
def test_text_comes_back_from_any_number_of_pieces(text: str, num_pieces: int) -> None:
    template = PackedTemplate()
    ids = template.encode_in(text, num_pieces)
    assert len(ids) == num_pieces
    assert template.decode(ids) == text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("ids", [[], [2], [9], [3, 3], [0], [2, 9, 0]])
def test_ids_that_are_no_prompt_are_refused(ids: list[int]) -> None:
    with pytest.raises(ValueError, match=r"out of place|a prompt ends with"):
        PackedTemplate().messages(ids)
