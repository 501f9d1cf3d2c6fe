"""vLLM as an engine: is it right, then how fast, on one GPU (or, with --small, on a CPU).

First the checks, each of which stops the script if it fails: log-probabilities against
transformers, seeds, cancellation, weights exchanged in place and noticed where they are not. Then
tokens a second by number of episodes at once, with and without prefix caching; the prompts share
three quarters of their tokens. The model has random weights, in the shape of Qwen3-0.6B.

    python benchmarks/perf/gpu_vllm.py [--model FOLDER] [--concurrency 1 16 128] [--small] [--json]

vLLM and torch are taken from wherever PYTHONPATH has them; nothing is fetched.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import anyio
import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from forethought.agents.engines.engine import Completion, Sampling
from forethought.agents.engines.engine_vllm import VLLMEngine
from forethought.agents.engines.probe import WeightsDiffer, probe
from forethought.agents.templates.words import WordTemplate

TOLERANCE = {"float32": 1e-3, "bfloat16": 0.1}
NUDGE = 0.2
"""Weights are moved by this share of their own spread, which is more than rounding."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """What is measured."""

    hidden: int
    layers: int
    heads: int
    head_size: int
    prompt: int
    reply: int
    concurrency: tuple[int, ...]
    vocabulary: int = 512
    cache_bytes: int | None = None
    """Memory for keys and values; None leaves it to the engine."""


LARGE = Size(
    hidden=1024, layers=28, heads=16, head_size=128, prompt=2048, reply=256,
    concurrency=(1, 16, 128), vocabulary=151_936,
)  # fmt: skip
SMALL = Size(
    hidden=64,
    layers=2,
    heads=2,
    head_size=32,
    prompt=512,
    reply=32,
    concurrency=(1, 4, 16),
    cache_bytes=1 << 28,
)


@dataclass(frozen=True, kw_only=True)
class Speed:
    """One cell of the table."""

    prefix_caching: bool
    concurrency: int
    sampled_per_s: float
    read_per_s: float
    seconds: float


def make_model(folder: Path, size: Size) -> None:
    """A Qwen3 with random weights and a word template."""
    template = WordTemplate.fit(["pick-up a stack b"])
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=size.vocabulary,
        hidden_size=size.hidden,
        intermediate_size=3 * size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads // 2,
        head_dim=size.head_size,
        max_position_embeddings=8192,
        initializer_range=0.06,  # opinions far from uniform
        tie_word_embeddings=True,
    )
    Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    template.save(folder)


def load_model(folder: Path) -> PreTrainedModel:
    """The model as a trainer holds it."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model.to(device).eval()


@torch.no_grad()
def score(
    model: PreTrainedModel, prompt: Sequence[int], ids: Sequence[int], temperature: float = 1.0
) -> list[float]:
    """Log-probability of each token of a reply, by transformers alone."""
    row = torch.tensor([[*prompt, *ids]], device=model.device)
    logits = model(input_ids=row, use_cache=False).logits[0, len(prompt) - 1 : -1].float()
    logprobs = torch.log_softmax(logits / temperature, dim=-1)
    return [float(logprobs[index, token]) for index, token in enumerate(ids)]


def prompts(number: int, length: int) -> list[list[int]]:
    """Prompts that share three quarters, in ids of single bytes."""
    rng = torch.Generator().manual_seed(number)
    shared = torch.randint(3, 256, (3 * length // 4,), generator=rng).tolist()
    return [
        [*shared, *torch.randint(3, 256, (length - len(shared),), generator=rng).tolist()]
        for _ in range(number)
    ]


async def ask(
    engine: VLLMEngine, asked: Sequence[Sequence[int]], *, reply: int, temperature: float = 1.0
) -> list[Completion]:
    """All at once, each with a seed of its own."""
    found: dict[int, Completion] = {}

    async def one(index: int) -> None:
        sampling = Sampling(max_tokens=reply, seed=index, temperature=temperature)
        found[index] = await engine.generate(asked[index], sampling)

    async with anyio.create_task_group() as group:
        for index in range(len(asked)):
            group.start_soon(one, index)
    return [found[index] for index in range(len(asked))]


async def check_logprobs(engine: VLLMEngine, model: PreTrainedModel, size: Size) -> str:
    """What vLLM says of its draws is what transformers says of them."""
    gaps: list[float] = []
    asked = prompts(8, size.prompt)
    for temperature in (1.0, 0.7):
        replies = await ask(engine, asked, reply=size.reply, temperature=temperature)
        for prompt, reply in zip(asked, replies, strict=True):
            said = score(model, prompt, reply.ids, temperature)
            assert reply.logprobs is not None
            gaps += [abs(a - b) for a, b in zip(said, reply.logprobs, strict=True)]
    mean = sum(gaps) / len(gaps)
    assert mean <= TOLERANCE[engine.dtype], f"log-probabilities differ by {mean} on average"
    return f"mean {mean:.2g}, max {max(gaps):.2g} nats over {len(gaps)} tokens"


async def check_seeds(engine: VLLMEngine, size: Size) -> str:
    """A seed gives the same draw, alone or not; in bfloat16 a near tie may fall otherwise."""
    asked = prompts(16, size.prompt)
    together = await ask(engine, asked, reply=8)
    again = await ask(engine, asked, reply=8)
    alone = (await ask(engine, asked[:1], reply=8))[0]
    same = sum(a.ids == b.ids for a, b in zip(together, again, strict=True))
    assert len({reply.ids for reply in together}) > 8, "seeds do not vary"
    assert engine.dtype != "float32" or (same == 16 and alone.ids == together[0].ids)
    return f"{same} of 16 replies the same a second time"


async def check_cancellation(engine: VLLMEngine, size: Size) -> str:
    """Requests that nobody waits for leave the batch."""
    async with anyio.create_task_group() as group:
        for prompt in prompts(64, size.prompt):
            group.start_soon(engine.generate, prompt, Sampling(max_tokens=2000, seed=0))
        while engine.num_running() < 64:
            await anyio.sleep(0)
        group.cancel_scope.cancel()
    started = time.perf_counter()
    with anyio.fail_after(60):
        while engine.num_running():
            await anyio.sleep(0)
        await engine.forget()
    return f"64 requests gone after {time.perf_counter() - started:.3f} s"


async def check_weights(engine: VLLMEngine, model: PreTrainedModel, folder: Path) -> str:
    """New weights arrive whole, nothing old stays cached, and the probe tells the difference."""

    async def gap() -> float:
        expected = lambda prompt, ids: score(model, prompt, ids)  # noqa: E731
        return await probe(engine, expected, tolerance=TOLERANCE[engine.dtype])

    before = await gap()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += NUDGE * parameter.std() * torch.randn_like(parameter)
    try:
        await gap()
    except WeightsDiffer:
        pass
    else:
        raise AssertionError("the probe does not tell new weights from old ones")
    started = time.perf_counter()
    model.save_pretrained(folder)
    written = time.perf_counter()
    await engine.load_weights(folder)
    loaded = time.perf_counter()
    return (
        f"probe {before:.2g} before, {await gap():.2g} after; "
        f"written in {written - started:.2f} s, loaded in {loaded - written:.2f} s"
    )


async def measure(engine: VLLMEngine, size: Size, concurrency: int, caching: bool) -> Speed:
    """Tokens a second of so many episodes that begin together; the shapes were seen before."""
    asked = prompts(concurrency, size.prompt)
    await ask(engine, asked, reply=size.reply)
    await engine.forget()
    started = time.perf_counter()
    replies = await ask(engine, asked, reply=size.reply)
    seconds = time.perf_counter() - started
    return Speed(
        prefix_caching=caching,
        concurrency=concurrency,
        sampled_per_s=sum(len(reply.ids) for reply in replies) / seconds,
        read_per_s=sum(map(len, asked)) / seconds,
        seconds=seconds,
    )


def check(folder: Path, work: Path, size: Size, console: Console) -> None:
    """All checks, on one engine."""
    model = load_model(folder)
    engine = VLLMEngine.load(folder, window=4096, cache_bytes=size.cache_bytes)

    async def main() -> None:
        console.print("logprobs:", await check_logprobs(engine, model, size))
        console.print("seeds:", await check_seeds(engine, size))
        console.print("cancellation:", await check_cancellation(engine, size))
        console.print("weights:", await check_weights(engine, model, work))
        await engine.aclose()

    anyio.run(main)


def speeds(folder: Path, size: Size) -> list[Speed]:
    """The table, an engine for each of its halves."""
    found = []
    for caching in (True, False):
        engine = VLLMEngine.load(
            folder,
            window=4096,
            cache_bytes=size.cache_bytes,
            prefix_caching=caching,
        )

        async def main(engine: VLLMEngine = engine, caching: bool = caching) -> None:
            for concurrency in size.concurrency:
                found.append(await measure(engine, size, concurrency, caching))
            await engine.aclose()

        anyio.run(main)
    return found


def main() -> None:
    """Check, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a model folder instead of random weights")
    parser.add_argument("--concurrency", type=int, nargs="+")
    parser.add_argument("--small", action="store_true", help="two layers, for a CPU")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    size = SMALL if args.small else LARGE
    if args.concurrency:
        size = replace(size, concurrency=tuple(args.concurrency))
    console = Console(stderr=args.json, highlight=False)
    with tempfile.TemporaryDirectory() as made:
        folder, work = args.model or Path(made) / "model", Path(made) / "weights"
        if args.model is None:
            make_model(folder, size)
        check(folder, work, size, console)
        found = speeds(folder, size)
    table = Table(title=f"prompts of {size.prompt} tokens, replies of {size.reply}")
    for head in ("prefix caching", "episodes", "sampled tokens/s", "prompt tokens/s", "seconds"):
        table.add_column(head, justify="right")
    for row in found:
        table.add_row(
            "on" if row.prefix_caching else "off",
            str(row.concurrency),
            f"{row.sampled_per_s:,.0f}",
            f"{row.read_per_s:,.0f}",
            f"{row.seconds:.2f}",
        )
    console.print(table)
    if args.json:
        print(json.dumps([asdict(row) for row in found]))


if __name__ == "__main__":
    main()
