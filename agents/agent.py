"""Agent: one line of conversation in an episode, with its own context and budget."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from forethought.agents.budget import Budget
from forethought.agents.engine import Completion, Engine, Sampling
from forethought.agents.episode import Episode
from forethought.agents.events import Call, End, Message, Origin, Purpose, Start
from forethought.agents.phases import count_phases
from forethought.agents.stop import Stop
from forethought.agents.stuck import Circles
from forethought.agents.template import Role
from forethought.agents.view import Entry, View
from forethought.envs.base import Env
from forethought.envs.task import Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """What the environment says the end is worth; `value` None means unscored."""

    value: float | None
    rewards: dict[str, float | None]
    metrics: dict[str, float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenBranch:
    """Where a branch begins in the view."""

    result: int
    """Message id of the branch's result, which its message takes the place of."""
    last: int
    """Message id of the last result of that turn."""
    plan: str
    """The plan as it was."""


@dataclass(kw_only=True, slots=True)
class Agent:
    """The main agent ("0") or a sub-agent ("0.2") while it runs."""

    path: str
    episode: Episode
    env: Env
    budget: Budget
    task: Task | None = None
    parent_call: str | None = None
    engine: Engine = field(init=False)
    view: View = field(init=False)
    started: bool = False
    num_messages: int = 0
    num_turns: int = 0
    num_draws: int = 0
    num_children: int = 0
    num_asks: int = 0
    num_summaries: int = 0
    score: Score | None = None
    """Set when the environment ended the episode."""
    num_format_errors: int = 0
    """In a row."""
    circles: Circles = field(default_factory=Circles)
    last_plan: tuple[tuple[str, str], ...] = ()
    branch: OpenBranch | None = None
    turn_of_edit: int = -1
    num_quick_edits: int = 0
    """Edits in a row with at most one turn between them."""

    def __post_init__(self) -> None:
        self.engine = self.episode.engine_for(self.env)
        self.view = View(self.engine.template, owner=self.path)

    @property
    def depth(self) -> int:
        """0 for the main agent."""
        return self.path.count(".")

    def start(self) -> None:
        """Record that the agent begins, once."""
        if self.started:
            return
        self.started = True
        spec, episode = self.env.spec, self.episode
        self.episode.record(
            Start(
                agent=self.path,
                t=episode.t,
                env=spec.id if spec is not None else type(self.env).__name__,
                task=self.env.task if self.task is None else self.task,
                seed=episode.seed,
                model=episode.model_name,
                group=episode.group,
                attempt=episode.attempt,
                parent_call=self.parent_call,
                turns=self.budget.turns,
                tokens=self.budget.tokens,
            )
        )

    def end(self, stop: Stop, *, error: str | None = None) -> End:
        """Record that the agent ended."""
        self.start()
        submitted = self.env.submitted
        end = End(
            agent=self.path,
            t=self.episode.t,
            stop=stop,
            answer=submitted.answer if submitted is not None else None,
            confidence=submitted.confidence if submitted is not None else None,
            error=error,
            turns=self.budget.spent_turns,
            tokens=self.budget.spent_tokens,
        )
        self.episode.record(end)
        return end

    def message(
        self,
        role: Role,
        text: str,
        origin: Origin,
        *,
        call_id: str | None = None,
        error: str | None = None,
    ) -> Message:
        """A new message of this agent; it is neither recorded nor in the view yet."""
        self.num_messages += 1
        return Message(
            agent=self.path,
            t=self.episode.t,
            id=self.num_messages - 1,
            role=role,
            text=text,
            origin=origin,
            call_id=call_id,
            error=error,
        )

    def entry(self, message: Message) -> Entry:
        """A message rendered for the view: the only time that its text becomes ids."""
        return Entry(
            id=message.id,
            role=message.role,
            text=message.text,
            origin=message.origin,
            ids=self.view.template.render(message.role, message.text),
        )

    def hear(self, message: Message) -> Message:
        """Put a message at the end of the view."""
        self.view.add(self.entry(message))
        return message

    async def act(self) -> str:
        """Sample the next reply of the conversation; returns its text.

        Raises BudgetExhausted, EngineUnavailable and ContextOverflow, in which case the view is as
        it was before.
        """
        view, shared_before = self.view, len(self.view)
        view.open_reply()
        try:
            held = self.budget.reserve_tokens(self.episode.limits.reply_tokens)
            completion, wall_s = await self._draw(view.ids, held, purpose="act")
        except BaseException:
            view.withdraw_reply()
            assert len(view) == shared_before
            raise
        text = view.template.decode(list(completion.ids))
        message = self.message("assistant", text, "policy")
        shared = view.shared()
        call = self._call(
            completion,
            text,
            purpose="act",
            shared=shared,
            prompt=tuple(view.ids[shared:]),
            message=message.id,
            wall_s=wall_s,
        )
        view.close_reply(
            completion.ids, stopped=completion.finish == "stop", id=message.id, text=text
        )
        self.num_turns += 1
        self.episode.record(call, message)
        return text

    async def consider(
        self, prompt: Sequence[int], *, purpose: Purpose, thread: str, held: int | None = None
    ) -> Call:
        """Sample a reply beside the conversation, on a thread of its own; returns its record.

        `prompt` holds whole messages; the opening of the reply is added. `held` tokens are reserved
        for it already; without them it reserves its own. Raises BudgetExhausted, EngineUnavailable,
        ContextOverflow.
        """
        if held is None:
            held = self.budget.reserve_tokens(self.episode.limits.reply_tokens)
        ids = [*prompt, *self.view.template.reply_opening()]
        completion, wall_s = await self._draw(ids, held, purpose=purpose)
        call = self._call(
            completion,
            self.view.template.decode(list(completion.ids)),
            purpose=purpose,
            thread=thread,
            prompt=tuple(ids),
            wall_s=wall_s,
        )
        self.episode.record(call)
        return call

    async def _draw(
        self, prompt: Sequence[int], held: int, *, purpose: Purpose
    ) -> tuple[Completion, float]:
        """Spend up to `held` reserved tokens on a completion, and let go of the rest."""
        episode, spent = self.episode, 0
        number, self.num_draws = self.num_draws, self.num_draws + 1
        began = time.perf_counter()
        try:
            sampling = Sampling(
                max_tokens=held,
                temperature=episode.temperature,
                seed=episode.sampling_seed(self.path, number),
                purpose=purpose,
            )
            completion = await self.engine.generate(prompt, sampling)
            spent = len(completion.ids)
        finally:
            self.budget.settle_tokens(held, spent)
        return completion, time.perf_counter() - began

    def _call(
        self,
        completion: Completion,
        text: str,
        *,
        purpose: Purpose,
        prompt: tuple[int, ...],
        wall_s: float,
        shared: int = 0,
        thread: str = "",
        message: int | None = None,
    ) -> Call:
        phases = count_phases(completion.ids, text, self.view.template)
        return Call(
            agent=self.path,
            t=self.episode.t,
            id=self.episode.take_call_id(),
            purpose=purpose,
            thread=thread,
            shared=shared,
            prompt=prompt,
            completion=completion.ids,
            logprobs=completion.logprobs,
            finish=completion.finish,
            version=completion.version,
            message=message,
            text=text if message is None else "",
            plan_tokens=phases.plan,
            think_tokens=phases.think,
            answer_tokens=phases.answer,
            wall_s=round(wall_s, 6),
            trainable=completion.logprobs is not None,
        )
