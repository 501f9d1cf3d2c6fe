"""SFT: a warm start on the expert's episodes, plan text included."""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import JsonValue

from forethought.agents.templates.template import Template
from forethought.trainer.config import RunConfig, read_config
from forethought.trainer.credit import episode_rows
from forethought.trainer.expert import expert_episodes
from forethought.trainer.learner import Objective
from forethought.trainer.session import SFT, Session
from forethought.trainer.tree import Row

_OBJECTIVE = Objective(loss="likelihood")
_FINAL_RATE = 0.1


def run_sft(config_path: Path) -> dict[str, JsonValue]:
    """`forethought sft RUN.toml`: the warm start of a config alone, measured before and after."""
    from forethought.trainer.run import execute

    config = read_config(config_path)
    if config.sft is None:
        raise ValueError(f"{config_path}: there is no [sft] section to run; it may be empty")
    return execute(config.model_copy(update={"filter": None, "rl": None}), resume=False)


def warm_start(session: Session) -> None:
    """Imitate expert episodes, each used once, at a learning rate that falls to a tenth."""
    config = session.config.sft
    assert config is not None
    learner = session.learner(learning_rate=config.learning_rate, warmup_steps=config.warmup_steps)
    first = session.restore(learner, stage=SFT)
    if first == config.steps:
        return
    batches = sft_batches(session.config, session.engine.template)
    with session.progress.bar("warm start on expert plans", config.steps) as advance:
        for step in range(config.steps):
            if step < first:
                advance("")
                continue
            started = time.perf_counter()
            learner.learning_rate = config.learning_rate * max(_FINAL_RATE, 1 - step / config.steps)
            found = learner.step(batches[step], _OBJECTIVE)
            session.record(
                SFT,
                step,
                {
                    "loss": found.loss,
                    "gradient_norm": found.gradient_norm,
                    "trained_tokens": found.num_draws,
                    "distinct_tokens": found.num_tokens,
                    "row_tokens": found.num_row_tokens,
                    "train_s": round(time.perf_counter() - started, 3),
                },
            )
            session.save(learner, stage=SFT, step=step + 1)
            advance(f"loss {found.loss:.3f}")
    session.engine.weights_changed()


def sft_batches(config: RunConfig, template: Template) -> list[list[Row]]:
    """Rows of each step: `batch_size` expert episodes, in the tokens of the model's template."""
    assert config.sft is not None
    size = config.sft.batch_size
    episodes = expert_episodes(
        config.expert_tasks,
        template,
        num_episodes=config.sft.steps * size,
        seed=3 * config.seed + 1,
    )
    return [
        [row for episode in episodes[start : start + size] for row in episode_rows(episode, 1.0)]
        for start in range(0, len(episodes), size)
    ]
