"""Asking: parallel model calls beside the conversation, reduced to one answer for each question.

What each call said is recorded with the choice, so what fewer or more of them would have been worth
can be told afterwards. At a deadline the calls that are not done are given up, each on record, and
what there is decides.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from forethought.agents.agent import Agent
from forethought.agents.budget import Hold
from forethought.agents.delegate.votes import (
    judge_prompt,
    judged,
    majority,
    merge_prompt,
    numbered,
    without_thought,
)
from forethought.agents.engines.engine import EngineError, EngineUnavailable
from forethought.agents.record.events import Call, Purpose, Vote
from forethought.envs.context import BudgetExhausted, Reduction

MAX_PARALLEL_CALLS = 64
NO_ANSWER = "(no answer in time)"


@dataclass(kw_only=True, slots=True)
class _Question:
    """A prompt, the calls made for it and what came of them."""

    prompt: str
    thread: str
    calls: list[Call] = field(default_factory=list)
    """Samples, then whatever decided between them; late ones too."""
    answers: list[str] = field(default_factory=list)
    chosen: str = NO_ANSWER

    def hear(self, calls: Mapping[str, Call], *, threads: Sequence[str]) -> list[str]:
        """Take the calls of some threads over; returns what those in time said, in order."""
        made = [calls[thread] for thread in threads]
        self.calls += made
        return [without_thought(call.text) for call in made if call.finish != "cancelled"]


async def ask_in_parallel(
    agent: Agent,
    prompts: Sequence[str],
    *,
    n: int,
    reduce: Reduction,
    call_id: str,
    deadline_s: float | None = None,
    mind: str = "",
) -> list[str]:
    """`n` calls a prompt, reduced to one answer each.

    `first` needs and makes one call a prompt, whatever `n`. Where a judge or a merger is late the
    majority decides. Raises ValueError (counts, no such mind), BudgetExhausted, EngineUnavailable,
    ContextOverflow.
    """
    n = 1 if reduce == "first" else n
    _check(agent, num_prompts=len(prompts), n=n, deadline_s=deadline_s, mind=mind)
    number, agent.num_asks = agent.num_asks, agent.num_asks + 1
    questions = [
        _Question(prompt=prompt, thread=f"ask.{number}.{at}") for at, prompt in enumerate(prompts)
    ]
    asking = _Asking(agent=agent, mind=mind, deadline=_deadline(deadline_s))
    await asking.sample(questions, n=n)
    try:
        await asking.decide(questions, reduce=reduce)
    finally:
        for question in questions:
            agent.episode.record(_vote(agent, question, reduce=reduce, call_id=call_id))
    return [question.chosen for question in questions]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asking:
    agent: Agent
    mind: str
    deadline: float

    async def sample(self, questions: Sequence[_Question], *, n: int) -> None:
        """Make the calls and hear the answers."""
        prompts = {f"{each.thread}.{i}": each.prompt for each in questions for i in range(n)}
        calls = await self._together(prompts, purpose="sub_call")
        for each in questions:
            threads = [f"{each.thread}.{i}" for i in range(n)]
            each.answers = each.hear(calls, threads=threads)

    async def decide(self, questions: Sequence[_Question], *, reduce: Reduction) -> None:
        """Choose an answer for each question that has one."""
        answered = [each for each in questions if each.answers]
        for each in answered:
            one = reduce in ("first", "all") or (reduce != "majority" and len(each.answers) == 1)
            each.chosen = numbered(each.answers) if one else majority(each.answers)
        contested = [each for each in answered if len(each.answers) > 1]
        if reduce == "best_of" and contested:
            prompts = {
                f"{each.thread}.judge": judge_prompt(each.prompt, each.answers)
                for each in contested
            }
            calls = await self._together(prompts, purpose="judge")
            for each in contested:
                for verdict in each.hear(calls, threads=[f"{each.thread}.judge"]):
                    each.chosen = judged(verdict, each.answers)
        elif reduce == "merge" and contested:
            prompts = {
                f"{each.thread}.merge": merge_prompt(each.prompt, each.answers)
                for each in contested
            }
            calls = await self._together(prompts, purpose="sub_call")
            for each in contested:
                for merged in each.hear(calls, threads=[f"{each.thread}.merge"]):
                    each.chosen = merged

    async def _together(self, prompts: Mapping[str, str], *, purpose: Purpose) -> dict[str, Call]:
        """One call a thread, at once; those that are late are given up. A failure waits for the
        others.

        What they may take is held for all of them before the first is made: tools that run beside
        this one draw on the same budget.
        """
        agent, template = self.agent, self.agent.engine_of(self.mind).template
        rendered = {thread: template.render("user", text) for thread, text in prompts.items()}
        holds = self._holds([len(ids) for ids in rendered.values()])
        errors: list[EngineError] = []

        async def ask_one(thread: str, hold: Hold) -> None:
            try:
                await agent.consider(
                    rendered[thread], purpose=purpose, thread=thread, hold=hold, mind=self.mind
                )
            except EngineError as error:
                errors.append(error)

        with anyio.CancelScope(deadline=self.deadline):
            async with anyio.create_task_group() as group:
                for thread, hold in zip(prompts, holds, strict=True):
                    group.start_soon(ask_one, thread, hold)
        if errors:
            lost = [error for error in errors if isinstance(error, EngineUnavailable)]
            raise (lost or errors)[0]
        return _made(agent, prompts)

    def _holds(self, lengths: Sequence[int]) -> list[Hold]:
        """Equal parts of what there is for prompts of these lengths, for all of them or none."""
        agent, budget = self.agent, self.agent.budget
        wanted = min(agent.episode.limits.reply_tokens, budget.tokens_left // len(lengths))
        money = budget.money_left // len(lengths)
        opening = len(agent.engine_of(self.mind).template.reply_opening())
        holds: list[Hold] = []
        try:
            for length in lengths:
                holds.append(agent.hold(length + opening, wanted, mind=self.mind, money=money))
        except BudgetExhausted:
            for hold in holds:
                budget.settle(hold, tokens=0, money=0)
            raise
        return holds


def _made(agent: Agent, threads: Collection[str]) -> dict[str, Call]:
    """The calls of some threads that were made last, from the record: late ones are there too."""
    found: dict[str, Call] = {}
    for event in reversed(agent.episode.events):
        if len(found) == len(threads):
            break
        if isinstance(event, Call) and event.agent == agent.path and event.thread in threads:
            found.setdefault(event.thread, event)
    return found


def _check(agent: Agent, *, num_prompts: int, n: int, deadline_s: float | None, mind: str) -> None:
    agent.engine_of(mind)
    if n < 1 or not num_prompts or num_prompts * n > MAX_PARALLEL_CALLS:
        raise ValueError(
            f"{num_prompts} prompts with {n} calls each; "
            f"between 1 and {MAX_PARALLEL_CALLS} calls in all can be made"
        )
    if deadline_s is not None and not deadline_s > 0:
        raise ValueError(f"a deadline is a number of seconds above 0, not {deadline_s:g}")


def _deadline(seconds: float | None) -> float:
    return math.inf if seconds is None else anyio.current_time() + seconds


def _vote(agent: Agent, question: _Question, *, reduce: str, call_id: str) -> Vote:
    return Vote(
        agent=agent.path,
        t=agent.episode.t,
        call_id=call_id,
        reduce=reduce,
        calls=tuple(call.id for call in question.calls),
        answers=tuple(question.answers),
        chosen=question.chosen,
        late=tuple(call.id for call in question.calls if call.finish == "cancelled"),
    )
