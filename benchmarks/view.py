"""View: the trajectories of a run as one HTML file, turn by turn, to be read and searched.

Everything a model or a tool wrote is escaped, and the page's policy runs no script but its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from forethought.agents.record.events import (
    Call,
    Edit,
    End,
    Event,
    Join,
    Limit,
    Message,
    Nudge,
    PlanEvent,
    Reward,
    Snapshot,
    Start,
    ToolEvent,
    Vote,
)
from forethought.agents.record.trajectory import Trajectory
from forethought.benchmarks.facts import Facts, facts_of
from forethought.benchmarks.page import page

_STYLE = """
main { max-width:62rem; }
.bar { position:sticky; top:0; background:var(--paper); padding:.7rem 0; display:flex; gap:.7rem;
  flex-wrap:wrap; z-index:1; border-bottom:1px solid var(--grid); margin-bottom:.6rem; }
.bar input, .bar select { font:inherit; font-size:.92rem; padding:.3rem .5rem; color:inherit;
  background:var(--panel); border:1px solid var(--axis); border-radius:3px; }
.bar input { flex:1; min-width:12rem; }
.bar output { align-self:center; color:var(--soft); font-size:.9rem; }
details.episode { border-bottom:1px solid var(--grid); content-visibility:auto;
  contain-intrinsic-size:auto 2.6rem; }
details.episode > summary { display:grid; grid-template-columns:5.6rem 1fr 6.5rem 8rem 5rem 6rem;
  gap:.6rem; padding:.5rem .2rem; cursor:pointer; font-size:.9rem; list-style:none;
  font-variant-numeric:tabular-nums; }
details.episode > summary:hover { background:var(--panel); }
details.episode > summary span:nth-child(n+3) { text-align:right; color:var(--soft); }
.passed { color:var(--good); } .failed { color:var(--bad); } .missing { color:var(--soft); }
.agent { margin:.4rem 0 1.6rem; padding-left:1rem; border-left:2px solid var(--grid); }
.agent .agent { margin:.6rem 0 .8rem; border-left-color:var(--series-4); }
.event { margin:.7rem 0; }
.event > b { font-size:.78rem; font-weight:600; color:var(--soft); display:block; }
.event > b em { font-style:normal; font-weight:400; }
.event pre { margin:.15rem 0 0; padding:.55rem .75rem; background:var(--panel); border-radius:3px;
  white-space:pre-wrap; overflow-wrap:anywhere; max-height:32rem; overflow:auto; }
.policy pre { border-left:3px solid var(--series-1); }
.env pre { border-left:3px solid var(--series-3); }
.harness pre, .summary pre { border-left:3px solid var(--series-5); }
.event .error { color:var(--bad); }
"""

_SCRIPT = """
const find = document.getElementById('find'), outcome = document.getElementById('outcome');
const shown = document.getElementById('shown');
const episodes = [...document.querySelectorAll('details.episode')];
const texts = episodes.map(e => e.textContent.toLowerCase());
function filter() {
  const words = find.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let count = 0;
  episodes.forEach((e, i) => {
    const fits = (!outcome.value || e.dataset.outcome === outcome.value)
      && words.every(w => texts[i].includes(w));
    e.hidden = !fits;
    count += fits;
  });
  shown.textContent = count + ' of ' + episodes.length;
}
find.addEventListener('input', filter);
outcome.addEventListener('change', filter);
filter();
"""


def write_view(path: Path, trajectories: Sequence[Trajectory], *, title: str) -> Path:
    """Write the page and return its path."""
    body = (
        f"<main><h1>{escape(title)}</h1>"
        '<div class="bar"><input id="find" type="search" placeholder="Words to look for" '
        'aria-label="Words to look for"><select id="outcome" aria-label="Outcome">'
        '<option value="">every outcome</option><option value="passed">passed</option>'
        '<option value="failed">failed</option><option value="missing">not scored</option>'
        '</select><output id="shown"></output></div>'
        + "".join(_episode(trajectory) for trajectory in trajectories)
        + "</main>"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(title=title, body=body, style=_STYLE, script=_SCRIPT), encoding="utf-8")
    return path


def _episode(trajectory: Trajectory) -> str:
    facts = facts_of(trajectory)
    outcome = _outcome(facts)
    task = trajectory.start.task
    reward = "" if facts is None or facts.reward is None else f"{facts.reward:.3g}"
    agents = len(trajectory.agents) - 1
    cells = [
        f'<span class="{outcome}">{"not scored" if outcome == "missing" else outcome}</span>',
        f"<span>{escape(trajectory.id)} · {escape(task.id)}</span>",
        f"<span>horizon {task.horizon}</span>",
        f"<span>{escape(facts.stop.value if facts else 'open')}</span>",
        f"<span>{reward}</span>",
        f"<span>{trajectory.num_sampled:,} tok{f' +{agents}' if agents else ''}</span>",
    ]
    return (
        f'<details class="episode" data-outcome="{outcome}"><summary>{"".join(cells)}</summary>'
        f"{_agent(trajectory, '0')}</details>"
    )


def _outcome(facts: Facts | None) -> str:
    if facts is None or facts.success is None:
        return "missing"
    return "passed" if facts.success else "failed"


def _agent(trajectory: Trajectory, agent: str) -> str:
    """Events of one agent in order; sub-agents stand where the call that spawned them does."""
    replies = {call.message: call for call in trajectory.calls if call.agent == agent}
    spawned: dict[str | None, list[str]] = {}
    for start in trajectory.events:
        if isinstance(start, Start) and start.agent.rpartition(".")[0] == agent:
            spawned.setdefault(start.parent_call, []).append(start.agent)
    parts = []
    for event in trajectory.events:
        if event.agent != agent:
            continue
        parts.append(_event(event, replies))
        if isinstance(event, ToolEvent):
            parts += [_agent(trajectory, child) for child in spawned.pop(event.call_id, [])]
    parts += [_agent(trajectory, child) for group in spawned.values() for child in group]
    return f'<div class="agent">{"".join(parts)}</div>'


def _event(event: Event, replies: dict[int | None, Call]) -> str:
    match event:
        case Start():
            label = "task" if event.agent == "0" else f"sub-agent {event.agent}"
            granted = f"{event.turns} turns, {event.tokens:,} tokens granted"
            return _block(label, "", note=granted)
        case Message():
            call = replies.get(event.id)
            note = _spent(call) if call else event.origin
            return _block(event.role, event.text, note=note, kind=event.origin, error=event.error)
        case Call():
            beside = event.message is None
            label = f"model call for {event.purpose}"
            return _block(label, event.text, note=_spent(event)) if beside else ""
        case ToolEvent():
            return _tool(event)
        case Reward():
            return _reward(event)
        case End():
            sure = "" if event.confidence is None else f", {100 * event.confidence:.0f} % sure"
            note = f"{event.stop.value} after {event.turns} turns, {event.tokens:,} tokens{sure}"
            return _block("end", event.answer or "", note=note, error=event.error)
        case _:
            return _aside(event)


def _aside(event: Edit | Vote | Join | PlanEvent | Nudge | Limit | Snapshot) -> str:
    match event:
        case Edit():
            note = f"{event.tokens_before:,} to {event.tokens_after:,} tokens, {event.trigger}"
            return _block(f"context edited: {event.strategy}", "", note=note)
        case Vote():
            answers = "\n".join(event.answers)
            late = f", {len(event.late)} calls too late" if event.late else ""
            note = f"chosen: {event.chosen}{late}"
            return _block(f"vote by {event.reduce}", answers, note=note)
        case Join():
            return _block("reports read", "", note=", ".join(event.children) or "none yet")
        case PlanEvent():
            lines = zip(event.statuses, event.items, strict=True)
            return _block("plan", "\n".join(f"{status}: {item}" for status, item in lines))
        case Nudge():
            return _block("nudged", "", note=f"{event.pattern}, {event.times} times")
        case Limit():
            note = f"{event.what}: {event.used:g} of {event.limit:g}"
            return _block("limit reached", "", note=note)
        case Snapshot():
            return _block("snapshot", "", note=event.ref)


def _tool(event: ToolEvent) -> str:
    cut = f", cut from {event.truncated_from:,} characters" if event.truncated_from else ""
    arguments = json.dumps(event.arguments, ensure_ascii=False, indent=1)
    note = f"{1000 * event.wall_s:.0f} ms{cut}"
    return _block(f"tool {event.name}", arguments, note=note, error=event.error)


def _reward(event: Reward) -> str:
    value = "could not be scored" if event.value is None else f"{event.value:.3g}"
    named = {**event.rewards, **event.metrics}
    parts = (
        f"{name} {'unknown' if number is None else format(number, '.3g')}"
        for name, number in named.items()
    )
    return _block("reward", "", note=", ".join([value, *parts]))


def _spent(call: Call) -> str:
    phases = (
        ("plan", call.plan_tokens),
        ("think", call.think_tokens),
        ("answer", call.answer_tokens),
    )
    named = ", ".join(f"{name} {count:,}" for name, count in phases if count)
    ends = {"stop": "", "length": ", cut off", "cancelled": ", given up"}
    cut = ends[call.finish]
    by = f" of {call.model}" if call.model else ""
    return f"{len(call.completion):,} tokens{by}{f' ({named})' if named else ''}{cut}"


def _block(
    label: str, text: str, *, note: str = "", kind: str = "", error: str | None = None
) -> str:
    head = f"<b>{escape(label)} <em>{escape(note)}</em></b>"
    body = f"<pre>{escape(text)}</pre>" if text else ""
    wrong = f'<pre class="error">{escape(error)}</pre>' if error else ""
    return f'<div class="event {escape(kind)}">{head}{body}{wrong}</div>'
