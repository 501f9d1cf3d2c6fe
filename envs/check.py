"""check_env: does an environment keep the promises that training and evaluation rest on?

Each promise becomes one `Finding`. An environment that raises, hangs on to things or scores badly
is what the report tells about; nothing is raised for it.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import anyio
from gymnasium.utils.env_checker import check_env as check_gymnasium

from forethought.envs.base import Env
from forethought.envs.play import (
    Episode,
    Factory,
    floor,
    nothing,
    oracle,
    play,
    play_forked,
    play_in_turn,
    recorded,
)
from forethought.envs.portal import run_sync
from forethought.envs.registry import make
from forethought.envs.task import Split, Task, split_of

MAX_PROMPT_CHARS = 8000
MAX_FLOOR = 0.2
"""Mean score above which knowing nothing pays too well."""
MAX_SECONDS = 120.0
"""For one promise."""

Check = Callable[[Factory, Sequence[int]], Awaitable[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One promise, and whether it is kept."""

    name: str
    ok: bool | None
    """None where there is nothing to check."""
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All findings about one environment."""

    env: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether no promise is broken."""
        return all(finding.ok is not False for finding in self.findings)

    def __str__(self) -> str:
        marks = {True: "ok", False: "FAIL", None: "-"}
        width = max(len(finding.name) for finding in self.findings)
        lines = [f"{marks[f.ok]:<4} {f.name:<{width}}  {f.detail}" for f in self.findings]
        return "\n".join((f"{self.env}: {'ok' if self.ok else 'NOT ok'}", *lines))


def check_env(env: str | Factory, *, num_seeds: int = 8) -> Report:
    """Check an environment, given by id, by its class or by a function that takes `split`.

    Plays `num_seeds` episodes a policy; seconds, where a step takes milliseconds. Not to be called
    from within an event loop. Raises ValueError for an unknown id and for fewer than two seeds.
    """
    if num_seeds < 2:
        raise ValueError(f"num_seeds is at least 2, to see whether seeds vary, not {num_seeds}")
    factory = _by_id(env) if isinstance(env, str) else env
    name = env if isinstance(env, str) else env.__name__
    return run_sync(_check_all(name, factory, range(num_seeds)))


class _Broken(Exception):
    """A promise is not kept; the message says how."""


class _NothingToCheck(Exception):
    """The promise does not apply; the message says why."""


def _by_id(env_id: str) -> Factory:
    make(env_id).close()

    def factory(**options: str) -> Env:
        return make(env_id, **options)

    return factory


async def _check_all(name: str, factory: Factory, seeds: range) -> Report:
    findings = [await _find(promise, check, factory, seeds) for promise, check in CHECKS.items()]
    return Report(env=name, findings=tuple(findings))


async def _find(name: str, check: Check, factory: Factory, seeds: range) -> Finding:
    try:
        with anyio.fail_after(MAX_SECONDS):
            return Finding(name=name, ok=True, detail=await check(factory, seeds))
    except _Broken as broken:
        return Finding(name=name, ok=False, detail=str(broken))
    except _NothingToCheck as reason:
        return Finding(name=name, ok=None, detail=str(reason))
    except Exception as error:  # noqa: BLE001 - whatever an environment raises is a finding
        cause = _first(error)
        return Finding(name=name, ok=False, detail=f"{type(cause).__name__}: {cause}")


def _first(error: Exception) -> Exception:
    """What failed first, where several tools of one turn ran together."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def _prompts(factory: Factory, seeds: Sequence[int]) -> str:
    lengths = [len(prompt) for prompt, _ in await _starts(factory, seeds)]
    if min(lengths) == 0:
        raise _Broken("a prompt is empty")
    if max(lengths) > MAX_PROMPT_CHARS:
        raise _Broken(f"a prompt has {max(lengths)} characters; at most {MAX_PROMPT_CHARS}")
    return f"{min(lengths)} to {max(lengths)} characters"


async def _reproduce(factory: Factory, seeds: Sequence[int]) -> str:
    once, again = await _starts(factory, seeds), await _starts(factory, seeds)
    for seed, first, second in zip(seeds, once, again, strict=True):
        if first != second:
            raise _Broken(f"seed {seed} gave two different episodes")
    return f"{len(seeds)} seeds, twice"


async def _vary(factory: Factory, seeds: Sequence[int]) -> str:
    distinct = len({_content(task) for _, task in await _starts(factory, seeds)})
    if distinct < 2:
        raise _Broken(f"{len(seeds)} seeds gave one and the same instance")
    return f"{distinct} instances from {len(seeds)} seeds"


async def _disjoint(factory: Factory, seeds: Sequence[int]) -> str:
    contents = []
    for split in ("train", "eval"):
        tasks = [task for _, task in await _starts(factory, seeds, split=split)]
        wrong = [task.id for task in tasks if split_of(task) != split]
        if wrong:
            raise _Broken(f"task {wrong[0]!r} of split {split!r} belongs to the other one")
        contents.append({_content(task) for task in tasks})
    shared = len(contents[0] & contents[1])
    if shared:
        raise _Broken(f"{shared} instances are in both splits")
    return f"{len(contents[0])} instances and {len(contents[1])}, none in both"


async def _saved(factory: Factory, seeds: Sequence[int]) -> str:
    for prompt, task in await _starts(factory, seeds[:2]):
        loaded = Task.model_validate_json(task.model_dump_json())
        env = factory()
        try:
            observation, _ = await env.areset(seed=0, options={"task": loaded})
        finally:
            await env.aclose()
        if observation != prompt:
            raise _Broken(f"task {task.id!r}, read back from JSON, starts another episode")
    return "read back from JSON, they start the same episode"


async def _oracle_wins(factory: Factory, seeds: Sequence[int]) -> str:
    if not factory().has_oracle():
        raise _NothingToCheck("it has none, so it cannot give expert plans to learn from")
    episodes = [await play(factory, seed, oracle) for seed in seeds]
    for seed, episode in zip(seeds, episodes, strict=True):
        if episode.score != 1:
            raise _Broken(f"it scores {episode.score} on seed {seed}")
    steps = [len(episode.actions) for episode in episodes]
    return f"scores 1 on {len(seeds)} instances in {min(steps)} to {max(steps)} steps"


async def _floor_loses(factory: Factory, seeds: Sequence[int]) -> str:
    knowing_nothing = [await play(factory, seed, floor(seed)) for seed in seeds]
    doing_nothing = [await play(factory, seed, nothing) for seed in seeds]
    means = [_mean_score(knowing_nothing), _mean_score(doing_nothing)]
    told = f"{means[0]:.2f}, doing nothing {means[1]:.2f}"
    if max(means) > MAX_FLOOR:
        raise _Broken(f"scores {told}; at most {MAX_FLOOR} is expected")
    return f"scores {told}"


async def _replay(factory: Factory, seeds: Sequence[int]) -> str:
    for seed in seeds[:4]:
        first = await play(factory, seed, floor(seed))
        second = await play(factory, seed, recorded(first.actions))
        _compare(f"seed {seed} with the same actions", first, second)
    return "same seed and actions give the same observations and rewards"


async def _forks(factory: Factory, seeds: Sequence[int]) -> str:
    env = factory()
    if not env.metadata["can_fork"]:
        raise _NothingToCheck("it names no state_fields, so it cannot be forked")
    for seed in seeds[:2]:
        for policy in (floor(seed), *([oracle] if env.has_oracle() else [])):
            whole = await play(factory, seed, policy)
            for episode in await play_forked(factory, seed, whole.actions):
                _compare(f"seed {seed}, forked half-way", whole, episode)
    return "two forks and the original all go on as without a fork"


async def _isolation(factory: Factory, seeds: Sequence[int]) -> str:
    pair = seeds[:2]
    alone = [await play(factory, seed, floor(seed)) for seed in pair]
    together = await play_in_turn(factory, pair, [floor(seed) for seed in pair])
    for seed, one, other in zip(pair, alone, together, strict=True):
        _compare(f"seed {seed} beside another instance", one, other)
    return "two at once, step by step in turn, go as they go alone"


async def _cancellation(factory: Factory, seeds: Sequence[int]) -> str:
    await _cancelled(factory, seeds[0])  # what is opened once for all may stay open
    tasks, files = asyncio.all_tasks(), _open_files()
    for seed in seeds[:3]:
        await _cancelled(factory, seed)
    left = [task.get_name() for task in asyncio.all_tasks() - tasks]
    if left:
        raise _Broken(f"{len(left)} tasks still run after a cancelled step: {left[0]}")
    if _open_files() > files:
        raise _Broken(f"{_open_files() - files} files stay open after a cancelled step")
    return "a step cancelled in the middle leaves no task and no open file; closing twice is fine"


async def _gymnasium(factory: Factory, seeds: Sequence[int]) -> str:
    def check() -> None:
        env = factory()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_gymnasium(env, skip_render_check=True)
        env.close()

    await asyncio.to_thread(check)
    return "gymnasium.utils.env_checker finds nothing"


CHECKS: dict[str, Check] = {
    "prompts are there and short": _prompts,
    "seeds reproduce": _reproduce,
    "seeds vary": _vary,
    "train and eval are disjoint": _disjoint,
    "tasks can be saved": _saved,
    "the oracle wins": _oracle_wins,
    "the floor loses": _floor_loses,
    "replay is identical": _replay,
    "forks are identical": _forks,
    "instances are isolated": _isolation,
    "cancelling cleans up": _cancellation,
    "Gymnasium agrees": _gymnasium,
}


async def _starts(
    factory: Factory, seeds: Sequence[int], *, split: Split = "train"
) -> list[tuple[str, Task]]:
    """First observation and task of each seed."""
    starts = []
    for seed in seeds:
        env = factory(split=split)
        try:
            prompt, _ = await env.areset(seed=seed)
        finally:
            await env.aclose()
        starts.append((prompt, env.task))
    return starts


async def _cancelled(factory: Factory, seed: int) -> None:
    """Begin a step, cancel it at its first wait, close twice."""
    env = factory()
    await env.areset(seed=seed)
    step = asyncio.ensure_future(env.astep(env.floor(env.np_random)))
    await asyncio.sleep(0)
    step.cancel()
    await asyncio.wait([step])
    await env.aclose()
    await env.aclose()


def _compare(what: str, first: Episode, second: Episode) -> None:
    if first.observations != second.observations:
        raise _Broken(f"{what}: other observations")
    if (first.rewards, first.score) != (second.rewards, second.score):
        raise _Broken(f"{what}: other rewards")


def _mean_score(episodes: Sequence[Episode]) -> float:
    scores = [episode.score for episode in episodes if episode.score is not None]
    if not scores:
        raise _NothingToCheck("no episode could be scored")
    return fmean(scores)


def _content(task: Task) -> str:
    return task.model_dump_json(include={"prompt", "answer", "data"})


def _open_files() -> int:
    """Open files and sockets of this process; 0 where the system does not tell."""
    directory = Path("/proc/self/fd")
    return sum(1 for _ in directory.iterdir()) if directory.is_dir() else 0
