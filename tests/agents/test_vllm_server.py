"""A vLLM server: token ids there and back, requests given up, weights exchanged in place."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import pytest
from anyio import to_thread
from asking import together
from desk import Desk
from small_chat import save_small_chat
from tiny_llama import rescored
from transformers import LlamaForCausalLM

from forethought.agents.engines.engine import ContextOverflow, Sampling
from forethought.agents.engines.http_tokens import HTTPTokenEngine
from forethought.agents.engines.models import open_model
from forethought.agents.engines.probe import WeightsDiffer, probe

pytestmark = [pytest.mark.vllm, pytest.mark.slow]

PROMPTS = [[5], [*range(20, 60)], [*range(3, 250)]]


@dataclass
class Served:
    """A server of the first of two folders, and the models of both."""

    url: str
    folders: list[Path]
    models: list[LlamaForCausalLM]

    def run(self, work: Callable[[HTTPTokenEngine], Awaitable[None]]) -> None:
        async def main() -> None:
            model = open_model(f"vllm:{self.url}/v1#tiny")
            engine = model.engine(Desk())
            assert isinstance(engine, HTTPTokenEngine)
            try:
                await work(engine)
            finally:
                await model.aclose()

        anyio.run(main)

    def num_running(self) -> float:
        text = httpx.get(f"{self.url}/metrics").text
        pattern = r"^vllm:num_requests_(?:running|waiting)\{.*\} (\S+)$"
        return sum(map(float, re.findall(pattern, text, re.MULTILINE)))


@contextmanager
def vllm_server(folder: Path) -> Iterator[str]:
    """Address of a server of a folder, in development mode."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(folder), "--served-model-name", "tiny", "--max-model-len", "512"),
        *("--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager"),
        *("--logprobs-mode", "processed_logprobs", "--kv-cache-memory-bytes", str(1 << 28)),
        "--no-enable-chunked-prefill",
    ]
    log_path = folder / "server.log"
    with log_path.open("wb") as log:
        environment = {**os.environ, "VLLM_SERVER_DEV_MODE": "1"}
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        while server.poll() is None and not is_up(url):
            time.sleep(0.2)
        assert server.poll() is None, log_path.read_text()[-3000:]
        yield url
    finally:
        server.terminate()
        server.wait()


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folders = [tmp_path_factory.mktemp("models") / name for name in ("first", "second")]
    # A tied head would keep its old weights in vLLM's CPU build.
    models = [save_small_chat(folder, seed=seed, tied=False) for seed, folder in enumerate(folders)]
    with vllm_server(folders[0]) as url:
        yield Served(url, folders, models)


@pytest.mark.parametrize("temperature", [1.0, 0.6, 0.0])
def test_recorded_logprobs_are_those_of_a_plain_forward_pass(
    served: Served, temperature: float
) -> None:
    requests = [
        (prompt, Sampling(max_tokens=12, seed=seed, temperature=temperature))
        for seed in range(3)
        for prompt in PROMPTS
    ]

    async def main(engine: HTTPTokenEngine) -> None:
        assert engine.context_window == 512
        for (prompt, _), found in zip(requests, await together(engine, requests), strict=True):
            said = rescored(served.models[0], prompt, found.ids, temperature=temperature or 1.0)
            assert found.logprobs == pytest.approx(said, abs=1e-3)
            stops = [token in engine.template.stop_ids for token in found.ids]
            assert stops == [False] * (len(stops) - 1) + [found.finish == "stop"]

    served.run(main)


def test_what_cannot_fit_the_window_is_refused_here_and_by_the_server(served: Served) -> None:
    async def main(engine: HTTPTokenEngine) -> None:
        with pytest.raises(ContextOverflow, match="window of 512"):
            await engine.generate([1] * 500, Sampling(max_tokens=13))
        engine.context_window = 9999
        with pytest.raises(ContextOverflow, match="the server says the prompt is too long"):
            await engine.generate([1] * 600, Sampling(max_tokens=13))

    served.run(main)


def test_a_request_that_nobody_waits_for_leaves_the_servers_batch(served: Served) -> None:
    async def main(engine: HTTPTokenEngine) -> None:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                for token in range(20):
                    wanted = Sampling(max_tokens=500, seed=token)
                    group.start_soon(engine.generate, [token + 10], wanted)
                while not await to_thread.run_sync(served.num_running):
                    pass
                group.cancel_scope.cancel()
            while await to_thread.run_sync(served.num_running):
                pass

    served.run(main)


def test_new_weights_are_sampled_from_at_once_whatever_was_cached(served: Served) -> None:
    async def main(engine: HTTPTokenEngine) -> None:
        async def gap(number: int) -> float:
            model = served.models[number]
            return await probe(engine, lambda p, ids: rescored(model, p, ids), tolerance=1e-3)

        assert await gap(0) < 1e-4
        await engine.load_weights(served.folders[1])
        assert engine.version == 1
        assert await gap(1) < 1e-4
        with pytest.raises(WeightsDiffer):
            await gap(0)
        await engine.load_weights(served.folders[0])
        assert await gap(0) < 1e-4

    served.run(main)


def test_a_name_that_the_server_does_not_have_is_told(served: Served) -> None:
    with pytest.raises(ValueError, match="serves no model named 'other'; there are: tiny"):
        open_model(f"vllm:{served.url}/v1#other")
