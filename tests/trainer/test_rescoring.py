"""A recorded episode, scored again: compression, sub-agents, and yet every probability is right.

The expert dictates what is said; a small model gives each dictated token its log-probability on
the same cached path that it samples on, and writes the summaries itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import anyio
import pytest
import torch
from tiny_llama import rescored, tiny_llama
from torch import Tensor
from transformers import PreTrainedModel

from forethought.agents.budget import Limits
from forethought.agents.engines.engine import Completion, Engine, Sampling
from forethought.agents.engines.engine_transformers import TransformersEngine, _Request
from forethought.agents.engines.models import OracleModel
from forethought.agents.loop import run_episode
from forethought.agents.record.events import Edit, Reward
from forethought.agents.record.log import EventLog, read_log
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.template import ByteTemplate
from forethought.agents.templates.words import WordTemplate
from forethought.envs import Env, make
from forethought.trainer.credit import credit, episode_rows
from forethought.trainer.head import draw_logprobs
from forethought.trainer.learner import Learner, Objective
from forethought.trainer.tree import tree_batches

LIMITS = Limits(turns=64, tokens=1 << 16, reply_tokens=2000, context=3000)


class DictatedEngine(TransformersEngine):
    """Takes the tokens of a dictation instead of drawing some; all else is as it is."""

    dictations: dict[int, list[int]]
    """What is to be said, by the seed of the request."""

    def _draw(self, batch: Sequence[_Request], logits_BV: Tensor) -> tuple[list[int], list[float]]:
        tokens, logprobs = super()._draw(batch, logits_BV)
        for index, request in enumerate(batch):
            dictation = self.dictations.get(request.sampling.seed or 0)
            if dictation is not None:
                tokens[index] = dictation[len(request.ids)]
                logprobs[index] = float(torch.log_softmax(logits_BV[index], -1)[tokens[index]])
        return tokens, logprobs


class Dictating:
    """The engine of one agent: acts are dictated, what else is asked is sampled, briefly."""

    def __init__(self, shared: DictatedEngine, act: Callable[[], str]) -> None:
        self.template, self.context_window = shared.template, shared.context_window
        self.version = shared.version
        self._shared, self._act = shared, act

    async def generate(self, prompt: Sequence[int], sampling: Sampling) -> Completion:
        assert sampling.seed is not None
        if sampling.purpose != "act":
            return await self._shared.generate(prompt, replace(sampling, max_tokens=24))
        ids = [*self.template.encode(self._act()), *self.template.reply_closing(stopped=False)]
        self._shared.dictations[sampling.seed] = ids
        return await self._shared.generate(prompt, replace(sampling, max_tokens=len(ids)))

    async def aclose(self) -> None:
        pass


def workbench() -> Env:
    """Six rows, three each for two sub-agents."""
    return make(
        "forethought/workbench-v0", horizon=6, oracle_children=2, oracle_rows=2, backend="local"
    )


def words() -> WordTemplate:
    """A vocabulary of what is said in the episode."""
    expert, env = OracleModel(template=ByteTemplate()), workbench()

    async def main() -> Trajectory:
        wide = replace(LIMITS, context=1 << 20)
        return await run_episode(
            env, expert.engine(env), id="e", log=EventLog(None), seed=3, limits=wide,
            engine_for=expert.engine,
        )  # fmt: skip

    episode = anyio.run(main)
    return WordTemplate.fit(m.text for agent in episode.agents for m in episode.messages(agent))


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An episode as it is read from its log, and the model that it was sampled from."""

    episode: Trajectory
    model: PreTrainedModel


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    template = words()
    model = tiny_llama(vocab_size=template.vocab_size, window=4096)
    shared = DictatedEngine(model, template, num_slots=8, slot_length=4096)
    shared.dictations = {}
    env, path = workbench(), tmp_path_factory.mktemp("log") / "episodes.jsonl"

    def engine_for(asking: Env) -> Engine:
        return Dictating(shared, asking.oracle)

    async def main() -> None:
        with EventLog(path) as log:
            await run_episode(
                env, engine_for(env), id="e", log=log, seed=3, limits=LIMITS, engine_for=engine_for
            )

    anyio.run(main)
    return Recorded(episode=read_log(path)["e"], model=model)


def test_the_episode_was_compressed_and_had_two_sub_agents(recorded: Recorded) -> None:
    episode = recorded.episode
    assert (episode.reward, episode.agents) == (1.0, ["0", "0.0", "0.1"])
    edited = {event.agent for event in episode.events if isinstance(event, Edit)}
    assert edited == {"0", "0.0", "0.1"}
    assert {call.purpose for call in episode.calls} == {"act", "summarise"}
    assert episode.num_drifts == 0
    assert len(episode.segments()) > 6


def test_every_segment_scored_alone_gives_the_recorded_logprobs(recorded: Recorded) -> None:
    num_scored = 0
    for segment in recorded.episode.segments():
        for span in segment.spans:
            found = rescored(
                recorded.model, segment.ids[: span.start], segment.ids[span.start : span.end]
            )
            assert span.logprobs == pytest.approx(found, abs=1e-3)
            num_scored += len(found)
    assert num_scored == recorded.episode.num_sampled


@pytest.mark.parametrize("max_tokens", [None, 600], ids=["one tree", "many trees"])
def test_the_trees_of_the_episode_give_the_recorded_logprobs(
    recorded: Recorded, max_tokens: int | None
) -> None:
    num_scored = 0
    for batch in tree_batches(episode_rows(recorded.episode, 1.0), max_tokens=max_tokens):
        with torch.no_grad():
            logprob_M, _ = draw_logprobs(recorded.model, batch)
        assert logprob_M.tolist() == pytest.approx(batch.logprob_M.tolist(), abs=1e-3)
        num_scored += batch.num_draws
    assert num_scored == recorded.episode.num_sampled


def test_a_step_on_the_episode_covers_it_and_finds_no_mismatch(recorded: Recorded) -> None:
    failed = [
        event.model_copy(update={"value": 0.0}) if isinstance(event, Reward) else event
        for event in recorded.episode.events
    ]
    other = Trajectory("other", failed)
    found = credit([[recorded.episode, other]], estimator="centred", overlong="keep")
    assert found.coverage == 1.0
    assert found.num_trained == 2 * recorded.episode.num_sampled
    step = Learner(recorded.model, learning_rate=1e-9, max_tokens=4096).step(
        found.rows, Objective()
    )
    assert step.num_draws == found.num_trained
    assert step.num_tokens < step.num_row_tokens / 2
    assert step.mismatch < 1e-6
    assert step.max_ratio == pytest.approx(1.0, abs=1e-3)
