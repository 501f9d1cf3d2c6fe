"""Draws: sampling from an engine within a budget, and the record of what was sampled."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from forethought.agents.budget import Hold
from forethought.agents.engines.engine import Completion, Engine, Sampling, Sequel
from forethought.agents.engines.prices import PICO
from forethought.agents.record.events import Call, Purpose
from forethought.agents.templates.phases import Phases, count_phases, count_runs, phase_runs

if TYPE_CHECKING:
    from forethought.agents.agent import Agent


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A completion and what went into it."""

    completion: Completion
    prompt: tuple[int, ...]
    """What followed the `shared` tokens of the call before."""
    shared: int
    cost: int
    """In picounits."""
    wall_s: float


async def draw(
    agent: Agent,
    prompt: Sequence[int],
    *,
    hold: Hold,
    purpose: Purpose = "act",
    thread: str = "",
    mind: str = "",
    shared: int = 0,
) -> Drawn:
    """Sample as many tokens as `hold` has, and settle it.

    A call that is cancelled is recorded here, and charged its prompt, which the model had to read.
    Raises EngineUnavailable, ContextOverflow.
    """
    episode, price = agent.episode, agent.episode.price(mind)
    number, agent.num_draws = agent.num_draws, agent.num_draws + 1
    engine = agent.engine_of(mind)
    began, spent, cost = time.perf_counter(), 0, 0
    try:
        sampling = Sampling(
            max_tokens=hold.tokens,
            temperature=episode.temperature,
            seed=episode.sampling_seed(agent.path, number),
            purpose=purpose,
        )
        completion = await _complete(agent, engine, prompt, sampling, thread=thread)
        spent = len(completion.ids)
        cost = price.of(prompt=len(prompt), completion=spent)
    except anyio.get_cancelled_exc_class():
        cost = price.of(prompt=len(prompt), completion=0)
        lost = Completion(ids=(), logprobs=None, finish="stop")
        drawn = _drawn(lost, prompt, shared=shared, cost=cost, began=began)
        episode.record(_given_up(agent, drawn, purpose=purpose, thread=thread, mind=mind))
        raise
    finally:
        agent.budget.settle(hold, tokens=spent, money=cost)
    return _drawn(completion, prompt, shared=shared, cost=cost, began=began)


def reply_calls(
    agent: Agent, drawn: Sequence[Drawn], *, text: str, message: int | None
) -> list[Call]:
    """The calls that one reply was sampled in; the last of them completes `message`.

    `text` is that of the whole reply. Without a message the reply did not come about.
    """
    template = agent.view.template
    if len(drawn) == 1 and message is not None:
        phases = count_phases(drawn[0].completion.ids, text, template)
        return [call_of(agent, drawn[0], phases=phases, message=message)]
    runs = phase_runs(_joined(drawn), text, template)
    calls = []
    end = 0
    for index, piece in enumerate(drawn):
        ids = piece.completion.ids
        start = end + (len(piece.prompt) if index else 0)
        end = start + len(ids)
        is_last = message is not None and index == len(drawn) - 1
        calls.append(
            call_of(
                agent,
                piece,
                text="" if is_last else template.decode(list(ids)),
                phases=count_runs(runs, start=start, end=end),
                message=message if is_last else None,
            )
        )
    return calls


def call_of(
    agent: Agent,
    drawn: Drawn,
    *,
    phases: Phases,
    text: str = "",
    purpose: Purpose = "act",
    thread: str = "",
    mind: str = "",
    message: int | None = None,
) -> Call:
    """The record of a call; it takes the episode's next id."""
    completion = drawn.completion
    return Call(
        agent=agent.path,
        t=agent.episode.t,
        id=agent.episode.take_call_id(agent.path, thread),
        purpose=purpose,
        thread=thread,
        shared=drawn.shared,
        prompt=drawn.prompt,
        completion=completion.ids,
        logprobs=completion.logprobs,
        finish=completion.finish,
        version=completion.version,
        model=mind,
        message=message,
        text=text,
        plan_tokens=phases.plan,
        think_tokens=phases.think,
        answer_tokens=phases.answer,
        wall_s=round(drawn.wall_s, 6),
        first_token_s=completion.first_token_s,
        cost=drawn.cost / PICO,
        trainable=completion.logprobs is not None and not mind,
    )


async def _complete(
    agent: Agent, engine: Engine, prompt: Sequence[int], sampling: Sampling, *, thread: str
) -> Completion:
    """What is on record of this call, or else what the engine says."""
    past = agent.episode.past
    recorded = None if past is None else await past.call(agent.path, thread)
    if recorded is None:
        return await engine.generate(prompt, sampling)
    if isinstance(engine, Sequel):
        engine.pass_over(sampling)
    assert recorded.finish != "cancelled", recorded
    return Completion(
        ids=recorded.completion,
        logprobs=recorded.logprobs,
        finish=recorded.finish,
        version=recorded.version,
    )


def _drawn(
    completion: Completion, prompt: Sequence[int], *, shared: int, cost: int, began: float
) -> Drawn:
    return Drawn(
        completion=completion,
        prompt=tuple(prompt[shared:]),
        shared=shared,
        cost=cost,
        wall_s=time.perf_counter() - began,
    )


def _given_up(agent: Agent, drawn: Drawn, *, purpose: Purpose, thread: str, mind: str) -> Call:
    """The record of a call that was cancelled before it gave anything."""
    call = call_of(agent, drawn, phases=Phases(0, 0, 0), purpose=purpose, thread=thread, mind=mind)
    return call.model_copy(update={"finish": "cancelled"})


def _joined(drawn: Sequence[Drawn]) -> list[int]:
    """The ids of a reply, with what the harness wrote between its pieces."""
    ids: list[int] = []
    for index, piece in enumerate(drawn):
        ids += piece.prompt if index else ()
        ids += piece.completion.ids
    return ids
