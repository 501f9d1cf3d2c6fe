"""SubMinds: more thought for an agent that asks for it: sub-agents and parallel calls.

Both draw on the agent's own budget, which is divided before anything starts. What the policy does
badly comes back as text; what the world does badly loses the episode, but only after all siblings
that are waited for have come to their ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from forethought.agents.agent import Agent
from forethought.agents.budget import Budget, shares
from forethought.agents.delegate.asking import ask_in_parallel
from forethought.agents.delegate.children import Child, Children
from forethought.agents.record.events import Join
from forethought.envs.child import ChildEnv, sandbox_copies
from forethought.envs.context import Context, Reduction, Report, WaitMode


class SubMinds:
    """`forethought.envs.context.Minds` for one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    @property
    def _children(self) -> Children:
        children = self._agent.children
        assert children is not None, "tools run in turns, and turns within the agent's life"
        return children

    async def spawn(
        self,
        tasks: Sequence[str],
        *,
        context: Context,
        budget: int | None = None,
        wait: bool = True,
        fork: bool = False,
        own_sandbox: bool = False,
    ) -> list[Report]:
        """Run one sub-agent a task, see `Minds.spawn`; the agent itself keeps a share.

        Raises ValueError (too deep, too many, no tasks), BudgetExhausted, ChildLost.
        """
        agent, num = self._agent, len(tasks)
        self._check(num)
        sandboxes = await sandbox_copies(agent.env, num) if own_sandbox else []
        async with AsyncExitStack() as refused:
            for sandbox in sandboxes:
                refused.push_async_callback(sandbox.close)
            self._check(num)
            grants = shares(agent.budget, num, tokens=budget)
            refused.pop_all()
        names: list[str] = []
        for index, (task, grant) in enumerate(zip(tasks, grants, strict=True)):
            env = ChildEnv(agent.env, task, sandbox=sandboxes[index] if sandboxes else None)
            child = self._child(env, grant, context, fork=fork)
            child.is_background = not wait
            self._children.start(child)
            names.append(child.path)
        children = self._children.named(names)
        return await self._children.until_ended(children) if wait else _reports(children)

    async def wait(
        self,
        names: Sequence[str] = (),
        *,
        context: Context,
        mode: WaitMode = "all",
        timeout_s: float | None = None,
    ) -> list[Report]:
        """Wait for sub-agents, see `Minds.wait`. Raises ValueError (none such), ChildLost."""
        children = self._children.named(names)
        if not children:
            raise ValueError("there are no sub-agents to wait for; spawn some with wait=false")
        try:
            return await self._children.until_ended(children, mode=mode, timeout_s=timeout_s)
        finally:
            self._join(children, context)

    async def cancel(self, names: Sequence[str], *, context: Context) -> list[Report]:
        """End sub-agents, see `Minds.cancel`. Raises ValueError (none such), ChildLost."""
        if not names:
            raise ValueError("no names of sub-agents to cancel; name at least one")
        children = self._children.named(names)
        self._children.drop(children)
        return await self._children.until_ended(children)

    async def ask(
        self,
        prompts: Sequence[str],
        *,
        n: int,
        reduce: Reduction,
        context: Context,
        deadline_s: float | None = None,
        mind: str = "",
    ) -> list[str]:
        """Parallel model calls, see `Minds.ask` and `asking`."""
        return await ask_in_parallel(
            self._agent,
            prompts,
            n=n,
            reduce=reduce,
            call_id=context.call_id,
            deadline_s=deadline_s,
            mind=mind,
        )

    def _check(self, num: int) -> None:
        agent, limits = self._agent, self._agent.episode.limits
        if num == 0:
            raise ValueError("no tasks to give to sub-agents; name at least one")
        if limits.depth == 0:
            raise ValueError("no sub-agents may be spawned here; do it yourself")
        if agent.depth >= limits.depth:
            raise ValueError(f"sub-agents at depth {agent.depth} may not spawn further ones")
        running = self._children.num_running
        if running + num > limits.fan_out:
            raise ValueError(
                f"{running} sub-agents are at work and {num} more are too many; "
                f"at most {limits.fan_out} can be at the same time"
            )

    def _child(self, env: ChildEnv, budget: Budget, context: Context, *, fork: bool) -> Agent:
        agent = self._agent
        number, agent.num_children = agent.num_children, agent.num_children + 1
        child = Agent(
            path=f"{agent.path}.{number}",
            episode=agent.episode,
            env=env,
            budget=budget,
            task=env.part,
            parent=agent,
            parent_call=context.call_id,
            forked_from=agent.last_call if fork else None,
        )
        if fork:
            child.view = agent.view.fork()
            # Messages keep their ids, so that the child's edits can name them.
            child.num_messages = agent.num_messages
        return child

    def _join(self, children: Sequence[Child], context: Context) -> None:
        """Record whose reports the agent has got."""
        agent = self._agent
        names = tuple(child.agent.path for child in children if child.is_over)
        agent.episode.record(
            Join(agent=agent.path, t=agent.episode.t, call_id=context.call_id, children=names)
        )


def _reports(children: Sequence[Child]) -> list[Report]:
    return [child.report for child in children]
