"""Folding: a branch that has returned leaves the context; only its message stays.

The turns of the branch were sampled in their own context, are in the record and stay segments to be
trained on (Context-Folding and FoldGRPO, arXiv 2510.11967).
"""

from __future__ import annotations

from forethought.agents.agent import Agent, OpenBranch
from forethought.agents.compress.context import Rewrite, size_after
from forethought.agents.compress.edit import carry_out
from forethought.envs.calls import Action

FOLDED = "The branch is done. What it returned:"


async def follow_branch(agent: Agent, action: Action) -> None:
    """After a turn: pin the turn that opened a branch, fold the branch that has returned.

    While a branch is open, its call and result stay in the view, so that its message has a place.
    """
    notes = agent.env.context.notes
    if notes.branch is None:
        return
    if notes.branch.message is None:
        if agent.branch is None:
            agent.branch = _opened(agent, action, notes.branch.call_id)
        return
    opened, agent.branch = agent.branch, None
    agent.view.pins = frozenset()
    message, notes.branch = notes.branch.message, None
    if opened is not None:
        await _fold(agent, opened, message)


def _opened(agent: Agent, action: Action, call_id: str) -> OpenBranch | None:
    """Where the branch begins; the results of a turn stand in the order of its calls."""
    turn = agent.view.entries[-1 - len(action.calls) :]
    ids = [call.id for call in action.calls]
    if call_id not in ids:  # it began before the environment was forked
        return None
    number = ids.index(call_id)
    agent.view.pins = frozenset(entry.id for entry in turn)
    return OpenBranch(
        result=turn[1 + number].id, last=turn[-1].id, plan=str(agent.env.context.plan)
    )


async def _fold(agent: Agent, opened: OpenBranch, message: str) -> None:
    """Put the message in the place of the branch's result and drop what came after it.

    Nothing is done where that would not make the context smaller, or where the beginning of the
    branch had to go itself.
    """
    view = agent.view
    ids = [entry.id for entry in view.entries]
    if opened.result not in ids or opened.last not in ids:
        return
    plan = agent.env.context.plan
    text = f"{FOLDED}\n{message}"
    if str(plan) != opened.plan:
        text += f"\nPlan:\n{plan}"
    rewrite = Rewrite(
        strategy="fold",
        notes={opened.result: text},
        drop=tuple(ids[ids.index(opened.last) + 1 :]),
    )
    if rewrite.drop and size_after(view, rewrite) < len(view):
        await carry_out(agent, rewrite, room=len(view), trigger="requested")
