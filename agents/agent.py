"""Agent: one line of conversation in an episode, with its own context and budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from forethought.agents.budget import Budget, Hold
from forethought.agents.draws import Drawn, call_of, draw, reply_calls
from forethought.agents.engines.engine import Engine
from forethought.agents.engines.prices import NO_LIMIT, PICO
from forethought.agents.episode import Episode
from forethought.agents.record.events import Call, End, Message, Origin, Purpose, Start
from forethought.agents.record.stop import Stop
from forethought.agents.stuck import Circles
from forethought.agents.templates.phase_limits import Piece, has_phase_limits, next_piece
from forethought.agents.templates.phases import count_phases
from forethought.agents.templates.template import Role
from forethought.agents.view import Entry, View
from forethought.envs.base import Env
from forethought.envs.task import Task

if TYPE_CHECKING:
    from forethought.agents.delegate.children import Children


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
    parent: Agent | None = None
    parent_call: str | None = None
    is_background: bool = False
    forked_from: int | None = None
    """Call of the parent that its own conversation goes on from."""
    engine: Engine = field(init=False)
    view: View = field(init=False)
    children: Children | None = field(default=None, init=False)
    """Its sub-agents, while it lives."""
    started: bool = False
    ended: End | None = None
    was_dropped: bool = False
    """Its parent wants no more of it."""
    last_call: int | None = None
    """Its last call in the conversation."""
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

    @property
    def is_dropped(self) -> bool:
        """Whether it, or an agent above it, was dropped by its parent."""
        return self.was_dropped or (self.parent is not None and self.parent.is_dropped)

    def start(self) -> None:
        """Record that the agent begins, once."""
        if self.started:
            return
        self.started = True
        spec, episode, money = self.env.spec, self.episode, self.budget.money
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
                effort=episode.effort,
                parent_call=self.parent_call,
                background=self.is_background,
                forked_from=self.forked_from,
                turns=self.budget.turns,
                tokens=self.budget.tokens,
                money=None if episode.limits.money is None else money / PICO,
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
            cost=self.budget.spent_money / PICO,
        )
        self.ended = end
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
            ids=tuple(self.view.template.render(message.role, message.text)),
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
        view, before = self.view, len(self.view)
        drawn: list[Drawn] = []
        view.open_reply()
        start = len(view)
        try:
            await self._sample(drawn, start=start)
        except BaseException:
            if drawn:
                text = view.template.decode(view.ids[start:])
                self.episode.record(*reply_calls(self, drawn, text=text, message=None))
            view.withdraw_reply()
            assert len(view) == before
            raise
        text = view.template.decode(view.ids[start:])
        message = self.message("assistant", text, "policy")
        calls = reply_calls(self, drawn, text=text, message=message.id)
        is_stopped = drawn[-1].completion.finish == "stop"
        view.close_reply(stopped=is_stopped, id=message.id, text=text)
        self.num_turns += 1
        self.last_call = calls[-1].id
        self.episode.record(*calls, message)
        self._count(calls)
        return text

    async def consider(
        self,
        prompt: Sequence[int],
        *,
        purpose: Purpose,
        thread: str,
        hold: Hold | None = None,
        mind: str = "",
    ) -> Call:
        """Sample a reply beside the conversation, on a thread of its own; returns its record.

        `prompt` holds whole messages in the ids of the `mind` that is asked, by default the agent's
        own; the opening of the reply is added. `hold` is reserved for it already; without one it
        reserves its own. Raises BudgetExhausted, EngineUnavailable, ContextOverflow.
        """
        template = self.engine_of(mind).template
        ids = [*prompt, *template.reply_opening()]
        hold = hold or self.hold(len(ids), self.episode.limits.reply_tokens, mind=mind)
        drawn = await draw(self, ids, hold=hold, purpose=purpose, thread=thread, mind=mind)
        completion = drawn.completion
        text = template.decode(list(completion.ids))
        phases = count_phases(completion.ids, text, template)
        call = call_of(
            self, drawn, text=text, phases=phases, purpose=purpose, thread=thread, mind=mind
        )
        self.episode.record(call)
        return call

    def engine_of(self, mind: str) -> Engine:
        """The engine behind a mind; "" is the agent's own. Raises ValueError for no such mind."""
        if not mind:
            return self.engine
        minds = self.episode.minds
        if mind not in minds:
            there_are = f"there are: {', '.join(minds)}" if minds else "there are none here"
            raise ValueError(f"no other mind named {mind!r}; {there_are}")
        return minds[mind]

    def hold(self, prompt: int, wanted: int, *, mind: str = "", money: int = NO_LIMIT) -> Hold:
        """Reserve for a call of `prompt` tokens. Raises BudgetExhausted."""
        price = self.episode.price(mind)
        return self.budget.hold(wanted, price=price, prompt=prompt, money=money)

    def _count(self, calls: Sequence[Call]) -> None:
        """Tell the environment what the reply took."""
        spent = self.env.context.spent
        if spent is None:
            return
        for call in calls:
            spent.plan += call.plan_tokens
            spent.think += call.think_tokens
            spent.answer += call.answer_tokens

    async def _sample(self, drawn: list[Drawn], *, start: int) -> None:
        """Sample the open reply, in one piece or, where phases are limited, in several."""
        view, limits, template = self.view, self.episode.limits, self.view.template
        is_cut = has_phase_limits(limits)
        # What else runs in the agent's name has a grant of its own, so this much stays there.
        most = min(limits.reply_tokens, max(self.budget.tokens_left, 1))
        piece: Piece | None = Piece((), most)
        while True:
            if is_cut:
                reply = view.ids[start:]
                room = most - len(reply)
                piece = next_piece(reply, limits=limits, room=room, template=template)
            if piece is None:
                return
            view.ids += piece.insert
            hold = self.hold(len(view), piece.max_tokens)
            found = await draw(self, view.ids, hold=hold, shared=view.shared())
            drawn.append(found)
            view.sampled(found.completion.ids)
            if not is_cut or found.completion.finish == "stop":
                return
