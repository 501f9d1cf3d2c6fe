"""Critical path: of all that an episode did, the longest chain whose steps waited for each other.

Sub-agents and parallel calls run beside each other, so what an episode takes in time is not the sum
of its steps: it is those of the main agent and, wherever it waited, those of the slowest that it
waited for. A sub-agent that nobody waited for is on no chain but its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from forethought.agents.record.events import Call, End, Event, Join, Start, ToolEvent

Weight = Callable[[Call], float]


def is_turn(call: Call) -> bool:
    """Whether a call completed a turn of its agent."""
    return call.purpose == "act" and call.message is not None


def critical_path(events: Sequence[Event], *, weight: Weight) -> int:
    """The greatest sum of the weights of calls that depend on each other, up to the main agent's
    last; 1 for each call counts steps, the length of the completion counts tokens.
    """
    chains = _Chains()
    for event in events:
        match event:
            case Start():
                chains.begin(event)
            case Call():
                chains.add(event, weight(event))
            case ToolEvent():
                chains.join_spawned(event)
            case Join():
                chains.join(event.agent, event.children)
            case End():
                chains.end(event.agent)
    return int(chains.length["0"])


class _Chains:
    """For each agent the length of the longest chain that leads to what it does next."""

    def __init__(self) -> None:
        self.length: defaultdict[str, float] = defaultdict(float)
        self.base: defaultdict[str, float] = defaultdict(float)
        """The same at its last turn: where everything begins that the turn asks for."""
        self.beside: defaultdict[str, dict[str, float]] = defaultdict(dict)
        """Chains of an agent's parallel calls since its last turn, by what asked for them."""
        self.spawned: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def begin(self, start: Start) -> None:
        parent = start.agent.rpartition(".")[0]
        if not parent:
            return
        self.length[start.agent] = self.base[start.agent] = self.base[parent]
        if not start.background and start.parent_call is not None:
            self.spawned[parent, start.parent_call].append(start.agent)

    def add(self, call: Call, weight: float) -> None:
        agent = call.agent
        if call.thread == "" or call.purpose == "summarise":
            self.end(agent)
            self.length[agent] += weight
            self.base[agent] = self.length[agent]
            return
        asked_by, depth = _place(call)
        chains = self.beside[agent]
        before = chains.get(f"{asked_by}/{depth - 1}", self.base[agent])
        name = f"{asked_by}/{depth}"
        chains[name] = max(chains.get(name, 0.0), before + weight)

    def join_spawned(self, tool: ToolEvent) -> None:
        self.join(tool.agent, self.spawned.pop((tool.agent, tool.call_id), ()))

    def join(self, agent: str, children: Sequence[str]) -> None:
        self.length[agent] = max([self.length[agent], *(self.length[name] for name in children)])

    def end(self, agent: str) -> None:
        """What ran beside the conversation is over when the agent goes on."""
        self.length[agent] = max([self.length[agent], *self.beside.pop(agent, {}).values()])


def _place(call: Call) -> tuple[str, int]:
    """What asked for a call beside the conversation, and its step there.

    Of `ask.N` all samples run at once and whatever decides between them comes after.
    """
    asked_by = ".".join(call.thread.split(".")[:2])
    return asked_by, 2 if call.thread.endswith((".judge", ".merge")) else 1
