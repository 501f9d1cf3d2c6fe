"""SubMinds: more thought for an agent that asks for it: sub-agents and parallel calls.

Both draw on the agent's own budget, which is divided before anything starts. What the policy does
badly comes back as text; what the world does badly loses the episode, but only after all siblings
have come to their ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio

from forethought.agents.agent import Agent
from forethought.agents.budget import Budget
from forethought.agents.engine import EngineError, EngineUnavailable
from forethought.agents.events import Call, End, Purpose, Vote
from forethought.agents.failure import ChildLost
from forethought.agents.stop import STOP_CAUSE, Cause
from forethought.agents.votes import (
    judge_prompt,
    judged,
    majority,
    merge_prompt,
    numbered,
    without_thought,
)
from forethought.envs.child import ChildEnv
from forethought.envs.context import BudgetExhausted, Context, Reduction

MAX_PARALLEL_CALLS = 64
RunAgent = Callable[[Agent], Awaitable[End]]


class SubMinds:
    """`forethought.envs.context.Minds` for one agent."""

    def __init__(self, agent: Agent, *, run: RunAgent) -> None:
        self._agent = agent
        self._run = run

    async def spawn(self, tasks: Sequence[str], *, context: Context) -> list[str]:
        """Run one sub-agent a task, in parallel; a report each, in order, failures included.

        Each gets an equal share of what the agent has left, the agent itself keeping one. Raises
        ValueError (too deep, no tasks), BudgetExhausted, ChildLost.
        """
        agent, limits = self._agent, self._agent.episode.limits
        if not tasks:
            raise ValueError("no tasks to give to sub-agents; name at least one")
        if agent.depth >= limits.depth:
            raise ValueError(f"sub-agents at depth {agent.depth} may not spawn further ones")
        children = [
            self._child(task, budget, context)
            for task, budget in zip(tasks, self._shares(len(tasks)), strict=True)
        ]
        ends: dict[str, End] = {}

        async def run_child(child: Agent) -> None:
            try:
                ends[child.path] = await self._run(child)
            finally:
                agent.budget.refund(child.budget)

        async with anyio.create_task_group() as group:
            for child in children:
                group.start_soon(run_child, child)
        for child in children:
            end = ends[child.path]
            if STOP_CAUSE[end.stop] is not Cause.POLICY:
                raise ChildLost(child.path, end.stop, end.error)
        return [_report(ends[child.path]) for child in children]

    async def ask(
        self, prompts: Sequence[str], *, n: int, reduce: Reduction, context: Context
    ) -> list[str]:
        """`n` parallel model calls a prompt, reduced to one answer each.

        `first` needs and makes one call a prompt, whatever `n`. Raises ValueError (counts),
        BudgetExhausted, EngineUnavailable, ContextOverflow.
        """
        n = 1 if reduce == "first" else n
        num_calls = n * len(prompts)
        if n < 1 or not prompts or num_calls > MAX_PARALLEL_CALLS:
            raise ValueError(
                f"{len(prompts)} prompts with {n} calls each; "
                f"between 1 and {MAX_PARALLEL_CALLS} calls in all can be made"
            )
        number, self._agent.num_asks = self._agent.num_asks, self._agent.num_asks + 1
        questions = [
            (f"ask.{number}.{at}.{i}", prompt)
            for at, prompt in enumerate(prompts)
            for i in range(n)
        ]
        calls = await self._together(questions, purpose="sub_call")
        groups = [calls[at * n : (at + 1) * n] for at in range(len(prompts))]
        answers = [[without_thought(call.text) for call in group] for group in groups]
        chosen, deciders = await self._reduce(
            prompts, answers, reduce=reduce, thread=f"ask.{number}"
        )
        for group, given, choice, decider in zip(groups, answers, chosen, deciders, strict=True):
            self._agent.episode.record(
                Vote(
                    agent=self._agent.path,
                    t=self._agent.episode.t,
                    call_id=context.call_id,
                    reduce=reduce,
                    calls=tuple(call.id for call in (*group, *decider)),
                    answers=tuple(given),
                    chosen=choice,
                )
            )
        return chosen

    async def _reduce(
        self,
        prompts: Sequence[str],
        answers: Sequence[Sequence[str]],
        *,
        reduce: Reduction,
        thread: str,
    ) -> tuple[list[str], list[list[Call]]]:
        """The choice for each prompt and the calls that were made to choose."""
        none: list[list[Call]] = [[] for _ in prompts]
        if reduce == "majority":
            return [majority(given) for given in answers], none
        if reduce in ("first", "all") or all(len(given) == 1 for given in answers):
            return [numbered(given) for given in answers], none
        pairs = list(enumerate(zip(prompts, answers, strict=True)))
        if reduce == "best_of":
            questions = [
                (f"{thread}.{at}.judge", judge_prompt(q, given)) for at, (q, given) in pairs
            ]
            calls = await self._together(questions, purpose="judge")
            verdicts = [without_thought(call.text) for call in calls]
            chosen = [
                judged(verdict, given) for verdict, given in zip(verdicts, answers, strict=True)
            ]
        else:
            questions = [
                (f"{thread}.{at}.merge", merge_prompt(q, given)) for at, (q, given) in pairs
            ]
            calls = await self._together(questions, purpose="sub_call")
            chosen = [without_thought(call.text) for call in calls]
        return chosen, [[call] for call in calls]

    async def _together(
        self, questions: Sequence[tuple[str, str]], *, purpose: Purpose
    ) -> list[Call]:
        """One call a (thread, prompt), at once; in order. A failure waits for its siblings.

        The tokens of all of them are held before the first is made: tools that run beside this one
        draw on the same budget.
        """
        agent, budget = self._agent, self._agent.budget
        share = min(agent.episode.limits.reply_tokens, budget.tokens_left // len(questions))
        if share < 1:
            raise BudgetExhausted("token", budget.spent_tokens, budget.tokens)
        calls: dict[str, Call] = {}
        errors: list[EngineError] = []

        async def ask_one(thread: str, prompt: str, held: int) -> None:
            ids = agent.view.template.render("user", prompt)
            try:
                calls[thread] = await agent.consider(ids, purpose=purpose, thread=thread, held=held)
            except EngineError as error:
                errors.append(error)

        async with anyio.create_task_group() as group:
            for thread, prompt in questions:
                group.start_soon(ask_one, thread, prompt, budget.reserve_tokens(share))
        if errors:
            lost = [error for error in errors if isinstance(error, EngineUnavailable)]
            raise (lost or errors)[0]
        return [calls[thread] for thread, _ in questions]

    def _shares(self, num: int) -> list[Budget]:
        """Equal grants, all of them or none."""
        budget = self._agent.budget
        if budget.children_left < num:
            raise BudgetExhausted("sub-agent", budget.spent_children, budget.children)
        turns, tokens = budget.turns_left // (num + 1), budget.tokens_left // (num + 1)
        if turns < 1:
            raise BudgetExhausted("turn", budget.spent_turns, budget.turns)
        if tokens < 1:
            raise BudgetExhausted("token", budget.spent_tokens, budget.tokens)
        children = (budget.children_left - num) // (num + 1)
        return [budget.grant(turns=turns, tokens=tokens, children=children) for _ in range(num)]

    def _child(self, task: str, budget: Budget, context: Context) -> Agent:
        agent = self._agent
        number, agent.num_children = agent.num_children, agent.num_children + 1
        return Agent(
            path=f"{agent.path}.{number}",
            episode=agent.episode,
            env=ChildEnv(agent.env, task),
            budget=budget,
            parent_call=context.call_id,
        )


def _report(end: End) -> str:
    if end.answer is not None:
        return end.answer
    return f"(no answer: the sub-agent ended by {end.stop.value.replace('_', ' ')})"
