"""vLLM in process: exact log-probabilities, seeds, cancellation, and weights exchanged in place."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from asking import one, sample
from desk import Desk
from small_chat import save_small_chat
from tiny_llama import rescored
from transformers import LlamaForCausalLM

from forethought.agents.engines.engine import Completion, ContextOverflow, Engine, Sampling
from forethought.agents.engines.models import open_model
from forethought.agents.engines.probe import WeightsDiffer, probe

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.filterwarnings("ignore"),  # importing vLLM gives several warnings
]


@dataclass
class Made:
    """An engine over the first of two folders, and the models of both."""

    engine: Engine
    folders: list[Path]
    models: list[LlamaForCausalLM]

    def load(self, number: int) -> None:
        from forethought.agents.engines.engine_vllm import VLLMEngine

        assert isinstance(self.engine, VLLMEngine)
        anyio.run(self.engine.load_weights, self.folders[number])

    def gap(
        self, number: int, prompt: list[int], completion: Completion, temperature: float
    ) -> float:
        """Largest difference to what a model says of a completion."""
        said = rescored(self.models[number], prompt, completion.ids, temperature=temperature or 1.0)
        assert completion.logprobs is not None
        return max(abs(a - b) for a, b in zip(completion.logprobs, said, strict=True))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folders = [tmp_path_factory.mktemp("models") / name for name in ("first", "second")]
    models = [save_small_chat(folder, seed=seed) for seed, folder in enumerate(folders)]
    model = open_model(f"vllm:{folders[0]}", window=512)
    yield Made(model.engine(Desk()), folders, models)
    anyio.run(model.aclose)


PROMPTS = [[5], [*range(20, 60)], [*range(3, 250)]]
"""The last one is longer than a block of the cache."""


@pytest.mark.parametrize("temperature", [1.0, 0.6, 0.0])
def test_recorded_logprobs_are_those_of_a_plain_forward_pass(
    made: Made, temperature: float
) -> None:
    requests = [
        (prompt, Sampling(max_tokens=12, seed=seed, temperature=temperature))
        for seed in range(3)
        for prompt in PROMPTS
    ]
    for (prompt, _), completion in zip(requests, sample(made.engine, requests), strict=True):
        assert made.gap(0, prompt, completion, temperature) < 1e-3


def test_more_prompts_than_fit_one_step_are_read_in_several(made: Made) -> None:
    requests = [([token, *PROMPTS[2]], Sampling(max_tokens=4, seed=1)) for token in range(3, 60)]
    for (prompt, _), completion in zip(requests, sample(made.engine, requests), strict=True):
        assert made.gap(0, prompt, completion, 1.0) < 1e-3


def test_a_seeded_draw_does_not_depend_on_what_else_is_in_the_batch(made: Made) -> None:
    wanted = (PROMPTS[1], Sampling(max_tokens=16, seed=7))
    alone = one(made.engine, *wanted)
    crowd = [(PROMPTS[seed % 3], Sampling(max_tokens=5 + seed, seed=seed)) for seed in range(40)]
    among = sample(made.engine, [*crowd[:20], wanted, *crowd[20:]])[20]
    assert among.ids == alone.ids
    assert among.logprobs == pytest.approx(alone.logprobs, abs=1e-3)
    others = sample(made.engine, [(PROMPTS[1], Sampling(max_tokens=6, seed=s)) for s in range(8)])
    assert len({completion.ids for completion in others}) > 4


def test_a_reply_ends_with_a_stop_token_of_the_template_or_at_its_limit(made: Made) -> None:
    requests = [([7], Sampling(max_tokens=300, seed=seed)) for seed in range(12)]
    found = sample(made.engine, [*requests, ([7], Sampling(max_tokens=3, seed=0))])
    stop_ids = made.engine.template.stop_ids
    for completion in found:
        stops = [token in stop_ids for token in completion.ids]
        assert not any(stops[:-1])
        assert stops[-1] == (completion.finish == "stop")
    assert "stop" in {completion.finish for completion in found[:-1]}
    assert (len(found[-1].ids), found[-1].finish) == (3, "length")


def test_what_cannot_fit_the_window_is_refused(made: Made) -> None:
    assert made.engine.context_window == 512
    with pytest.raises(ContextOverflow, match=r"500 prompt tokens and 13 .* window of 512"):
        one(made.engine, [1] * 500, Sampling(max_tokens=13))
    assert one(made.engine, [1] * 500, Sampling(max_tokens=12, seed=0)).ids


def test_a_request_that_nobody_waits_for_leaves_the_batch(made: Made) -> None:
    from forethought.agents.engines.engine_vllm import VLLMEngine

    engine = made.engine
    assert isinstance(engine, VLLMEngine)
    endless = Sampling(max_tokens=500, temperature=0)

    async def main() -> None:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                for token in range(8):
                    group.start_soon(engine.generate, [token + 10], endless)
                while engine.num_running() < 8:
                    await anyio.sleep(0)
                group.cancel_scope.cancel()
            while engine.num_running():
                await anyio.sleep(0)
            # It waits for replies under way, and for their keys to be given back.
            await engine.forget()

    anyio.run(main)


def test_new_weights_are_sampled_from_at_once_whatever_was_cached(made: Made) -> None:
    prompt, sampling = PROMPTS[2], Sampling(max_tokens=8, seed=1)
    before = [one(made.engine, prompt, sampling) for _ in range(2)]
    made.load(1)
    after = one(made.engine, prompt, sampling)
    made.load(0)
    back = one(made.engine, prompt, sampling)
    assert [c.version - before[0].version for c in (*before, after, back)] == [0, 0, 1, 2]
    assert made.gap(0, prompt, before[1], 1.0) < 1e-3
    assert made.gap(1, prompt, after, 1.0) < 1e-3
    assert (back.ids, back.logprobs) == (before[0].ids, pytest.approx(before[0].logprobs, abs=1e-4))


def test_a_reply_is_of_one_version_throughout(made: Made) -> None:
    from forethought.agents.engines.engine_vllm import VLLMEngine

    engine, found = made.engine, {}
    assert isinstance(engine, VLLMEngine)
    first = engine.version

    async def ask(name: str) -> None:
        found[name] = await engine.generate([9], Sampling(max_tokens=60, temperature=0))

    async def main() -> None:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                group.start_soon(ask, "under way")
                while not engine.num_running():
                    await anyio.sleep(0)
                group.start_soon(engine.load_weights, made.folders[1])
                await anyio.wait_all_tasks_blocked()
                group.start_soon(ask, "later")

    anyio.run(main)
    made.load(0)
    for number, name in enumerate(("under way", "later")):
        assert found[name].version == first + number
        assert made.gap(number, [9], found[name], 0) < 1e-3


def test_the_probe_tells_the_engines_weights_from_others(made: Made) -> None:
    async def gap(number: int) -> float:
        model = made.models[number]
        return await probe(made.engine, lambda p, ids: rescored(model, p, ids), tolerance=1e-3)

    assert anyio.run(gap, 0) < 1e-4
    with pytest.raises(WeightsDiffer, match="the engine's weights is not the trainer's"):
        anyio.run(gap, 1)


def test_a_folder_without_weights_is_named(made: Made, tmp_path: Path) -> None:
    made.folders.append(tmp_path)
    with pytest.raises(ValueError, match=r"no \*\.safetensors file there"):
        made.load(2)


SUICIDE = """
import contextlib, os, signal, sys
from pathlib import Path
from forethought.agents.engines.engine_vllm import VLLMEngine
if __name__ == "__main__":
    VLLMEngine.load(sys.argv[1], cache_bytes=1 << 26)
    for children in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
            print(children.read_text())
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_vllm_does_not_outlive_a_process_that_is_killed(tmp_path: Path) -> None:
    save_small_chat(tmp_path, seed=0)
    script = tmp_path / "suicide.py"
    script.write_text(SUICIDE)
    done = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.stdout is not None
    # The pipe ends with the last process that holds it, which is vLLM's.
    pids = set(done.stdout.read().split())
    assert done.wait() == -signal.SIGKILL
    assert len(pids) >= 2
    until = time.monotonic() + 60
    while left := [pid for pid in pids if is_running(pid)]:
        assert time.monotonic() < until, left
        time.sleep(0.01)


def is_running(pid: str) -> bool:
    """Whether there is such a process, and not only what is left of one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
