"""tau-bench's customer by script: what is said, what is answered, when they hang up."""

from __future__ import annotations

import pytest

from forethought.envs.datasets.tau_user import GO_ON, Customer, first_person, user_prompt

CUSTOMER = Customer.of(
    "Your name is Ann Lee and your zip code is 78701. You are shy, polite. You want to return the "
    "lamp that you've ordered. If asked how to refund, you prefer paypal. Your order is #W1."
)
IDENTITY = "My name is Ann Lee and my zip code is 78701."
YES = "Yes, please go ahead."


def test_a_customer_opens_with_all_that_they_want_but_not_with_who_they_are() -> None:
    assert CUSTOMER.opening == (
        "Hello. I want to return the lamp that I've ordered. If asked how to refund, I prefer "
        "paypal. My order is #W1."
    )
    assert CUSTOMER.identity == (IDENTITY,)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("May I have your email, please?", IDENTITY),
        ("I will return the lamp (yes/no)?", YES),
        ("Shall I go ahead?", YES),
        ("Which card may I use?", "If asked how to refund, I prefer paypal."),
        ("Which order is it?", "My order is #W1."),
        ("How should I refund you?", "If asked how to refund, I prefer paypal."),
        (
            "What colour do you like?",
            "I have told you all that I know. Please do what you can with it.",
        ),
        ("Your zip code, please? Shall I go ahead?", f"{IDENTITY} {YES}"),
        ("It is done. Is there anything else?", None),
        ("Anything else? And do you confirm?", YES),
        ("Let me look.", GO_ON),
        ("", GO_ON),
    ],
)
def test_a_customer_answers_what_is_asked(message: str, answer: str | None) -> None:
    assert CUSTOMER.answer(message, has_acted=True, was_urged=False) == answer


def test_a_customer_hangs_up_on_an_agent_that_neither_asks_nor_acts() -> None:
    assert CUSTOMER.answer("Well.", has_acted=False, was_urged=True) is None
    assert CUSTOMER.answer("Well.", has_acted=True, was_urged=True) == GO_ON
    assert CUSTOMER.answer("Well.", has_acted=False, was_urged=False) == GO_ON


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("You've lost your card and you're sad.", "I've lost my card and I'm sad."),
        ("They gave it to you.", "They gave it to me."),
        ("You'd like it for yourself.", "I'd like it for myself."),
        ("Cancel #W1.", "Cancel #W1."),
    ],
)
def test_an_instruction_is_said_in_the_first_person(told: str, said: str) -> None:
    assert first_person(told) == said


def test_a_model_reads_the_instruction_and_what_was_said_but_no_calls() -> None:
    log = [("user", "Hi."), ("tool", "get_order_details"), ("agent", "Your email?")]
    prompt = user_prompt("Return the lamp.", log)
    assert "Instruction: Return the lamp." in prompt
    assert "You: Hi.\nAgent: Your email?\n" in prompt
    assert "get_order_details" not in prompt
