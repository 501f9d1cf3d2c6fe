"""Traces of verifiers 0.4 (`traces.jsonl`, schema version 1) as trajectories of ours.

A trace is a graph of messages: each node holds the tokens that its message added, with a mask and
log-probabilities of those that were sampled, and a path from a root to a leaf is what a model saw.
Every sampled node becomes one call with exactly its tokens. A path that goes on where a call of the
main conversation ended is that conversation; any other, such as a sub-agent's or one from before a
compaction, is a thread of its own, whose history is context. Nodes that carry no tokens (a
relayed evaluation) are kept as text, in ids that say nothing about the model, and are not trained.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from forethought.agents.record.events import Call, End, Event, Message, Reward, Start
from forethought.agents.record.stop import STOP_CAUSE, Cause, Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.record.verifiers_schema import Content, Node, ToolCall, Trace
from forethought.agents.templates.packed import PackedTemplate
from forethought.agents.templates.tokens import common_prefix
from forethought.envs.calls import render_call
from forethought.envs.task import Task

VERSION = 1
STOPS: dict[str, Stop] = {
    "max_turns": Stop.TURN_LIMIT,
    "max_turns_reached": Stop.TURN_LIMIT,
    "max_total_tokens": Stop.TOKEN_LIMIT,
    "max_output_tokens": Stop.TOKEN_LIMIT,
    "context_length": Stop.CONTEXT_LIMIT,
    "max_input_tokens": Stop.CONTEXT_LIMIT,
}
"""Their stop conditions that are limits; any other is the end that the task has."""
MAX_LINE = 256 << 20


def read_traces(path: Path) -> Iterator[Trajectory]:
    """Every trace of a file, in order. Raises ValueError with file and line for a broken one."""
    with path.open("rb") as lines:
        number = 0
        while line := lines.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise ValueError(f"{path}:{number}: a line of more than {MAX_LINE >> 20} MiB")
            if line.strip():
                yield _converted(line, where=f"{path}:{number}")


def _converted(line: bytes, *, where: str) -> Trajectory:
    try:
        trace = Trace.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "line"
        raise ValueError(
            f"{where}: no trace of verifiers 0.4 (version {VERSION}): {place}: {first['msg']}"
        ) from None
    for index, node in enumerate(trace.nodes):
        _require_sound(node, index, where=where)
    return Trajectory(trace.id, _Converter(trace).events())


def _require_sound(node: Node, index: int, *, where: str) -> None:
    place = f"{where}: nodes.{index}"
    if node.parent is not None and not 0 <= node.parent < index:
        raise ValueError(f"{place}: parent {node.parent} does not come before it")
    if len(node.mask) != len(node.token_ids):
        raise ValueError(f"{place}: {len(node.token_ids)} tokens and a mask of {len(node.mask)}")
    num_sampled = sum(node.mask)
    if num_sampled and not all(node.mask[-num_sampled:]):
        raise ValueError(f"{place}: its sampled tokens are not the last ones")
    if num_sampled and len(node.logprobs) not in (0, num_sampled):
        raise ValueError(f"{place}: {num_sampled} tokens and {len(node.logprobs)} logprobs")


@dataclass(slots=True)
class _Thread:
    """A conversation so far: the node of its last call, and all tokens up to its end."""

    name: str
    node: int | None = None
    ids: list[int] = field(default_factory=list)


class _Converter:
    """Turns the nodes of one trace into events, one after the other."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._template = PackedTemplate()
        self._threads = [_Thread("")]
        self._ids = [self._tokens(node) for node in trace.nodes]
        self._begun = trace.nodes[0].timestamp if trace.nodes else 0.0
        self._calls = {call.node: call for call in trace.calls if call.node is not None}
        self._num_calls = 0
        self._num_messages = 0

    def events(self) -> list[Event]:
        """The whole record: start, messages and calls, the reward, the end."""
        middle = [event for index in range(len(self._trace.nodes)) for event in self._node(index)]
        tokens = sum(len(event.completion) for event in middle if isinstance(event, Call))
        turns = self._num_calls
        stop = _stop(self._trace)
        last = middle[-1].t if middle else 0.0
        models = [call.model for call in self._trace.calls if call.model]
        start = Start(
            agent="0",
            t=0.0,
            env=f"verifiers/{self._trace.task.type}",
            task=_task(self._trace),
            model=models[0] if models else "",
            turns=turns,
            tokens=tokens,
        )
        errors = "; ".join(f"{error.type}: {error.message}" for error in self._trace.errors)
        end = End(agent="0", t=last, stop=stop, error=errors or None, turns=turns, tokens=tokens)
        return [start, *middle, *_rewards(self._trace, stop, t=last), end]

    def _node(self, index: int) -> Iterator[Event]:
        node = self._trace.nodes[index]
        t = max(0.0, node.timestamp - self._begun)
        message = Message(
            agent="0",
            t=t,
            id=self._num_messages,
            role=node.message.role,
            text=_text(node.message),
            origin="policy" if node.sampled else "env",
            call_id=node.message.tool_call_id,
        )
        self._num_messages += 1
        if node.sampled:
            yield self._call(index, message=message.id, t=t)
        yield message

    def _call(self, index: int, *, message: int, t: float) -> Call:
        node = self._trace.nodes[index]
        path = self._path(index)
        num_sampled = sum(node.mask) or (0 if node.token_ids else len(self._ids[index]) - 1)
        everything = [token for each in path for token in self._ids[each]]
        cut = len(everything) - num_sampled
        thread = self._thread(path)
        shared = common_prefix(thread.ids, everything[:cut])
        if shared < len(thread.ids):
            # The prompt was written anew on the way: their tokens, in a thread that begins here.
            thread = self._new_thread()
            shared = 0
        call = Call(
            agent="0",
            t=t,
            id=self._num_calls,
            purpose="act",
            thread=thread.name,
            shared=shared,
            prompt=tuple(everything[shared:cut]),
            completion=tuple(everything[cut:]),
            logprobs=tuple(node.logprobs) if node.logprobs else None,
            finish="length" if self._finish(index) == "length" else "stop",
            message=message,
            answer_tokens=num_sampled,
            trainable=bool(node.token_ids),
        )
        thread.node, thread.ids = index, everything
        self._num_calls += 1
        return call

    def _thread(self, path: Sequence[int]) -> _Thread:
        """The conversation whose last call this path goes on from, else a new one."""
        before = [node for node in path[:-1] if self._trace.nodes[node].sampled]
        last = before[-1] if before else None
        for thread in self._threads:
            if thread.node == last:
                return thread
        return self._new_thread()

    def _new_thread(self) -> _Thread:
        self._threads.append(_Thread(f"branch {len(self._threads)}"))
        return self._threads[-1]

    def _path(self, index: int) -> list[int]:
        path = [index]
        while (parent := self._trace.nodes[path[-1]].parent) is not None:
            path.append(parent)
        return path[::-1]

    def _tokens(self, node: Node) -> list[int]:
        if node.token_ids:
            return node.token_ids
        return self._template.render(node.message.role, _text(node.message))

    def _finish(self, index: int) -> str | None:
        call = self._calls.get(index)
        return None if call is None else call.finish_reason


def _task(trace: Trace) -> Task:
    prompt = trace.task.data.prompt
    text = prompt if isinstance(prompt, str) else "\n".join(_text(each) for each in prompt or ())
    name = trace.task.data.name or trace.task.key or trace.id
    return Task(id=name, prompt=text or name)


def _stop(trace: Trace) -> Stop:
    if trace.is_timeout:
        return Stop.TIME_LIMIT
    if not trace.ok:
        is_provider = bool(trace.errors) and trace.errors[-1].type.startswith("Provider")
        return Stop.PROVIDER_ERROR if is_provider else Stop.HARNESS_ERROR
    return STOPS.get(trace.stop_condition or "", Stop.SUBMITTED)


def _rewards(trace: Trace, stop: Stop, *, t: float) -> list[Reward]:
    """One reward, their weighted sum; none where infrastructure failed."""
    if STOP_CAUSE[stop] is not Cause.POLICY:
        return []
    given = {name: None if each is None else each.score for name, each in trace.rewards.items()}
    known = [each for each in trace.rewards.values() if each is not None]
    is_whole = bool(known) and len(known) == len(trace.rewards)
    value = sum(each.score * each.weight for each in known) if is_whole else None
    return [Reward(agent="0", t=t, value=value, rewards=given, metrics=trace.metrics)]


def _text(content: Content) -> str:
    """A message as text; parts that are none, such as pictures, are named."""
    body = content.content or ""
    if not isinstance(body, str):
        body = "\n".join(str(part.get("text", f"[{part.get('type')}]")) for part in body)
    thought = f"<think>{content.reasoning_content}</think>\n" if content.reasoning_content else ""
    calls = [_called(call) for call in content.tool_calls or ()]
    return thought + "\n".join([*([body] if body else []), *calls])


def _called(call: ToolCall) -> str:
    """A tool call as our own tags have it; arguments that are no object stay the text they are."""
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        arguments = None
    if isinstance(arguments, dict):
        return render_call(call.name, arguments)
    return render_call(call.name, {"": call.arguments})
