"""A run whose episodes vLLM samples, from weights that follow the trained ones."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import anyio
import pytest
import torch
from runs import Listening, run_config

from forethought.agents.engines.engine import Sampling
from forethought.agents.engines.probe import WeightsDiffer
from forethought.agents.record.log import read_log
from forethought.trainer.metrics import read
from forethought.trainer.policy import load_policy
from forethought.trainer.run import execute
from forethought.trainer.synced import SyncedPolicy


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_a_run_that_needs_vllm_says_so_where_it_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="engine is 'vllm', which is not installed"):
        load_policy(run_config(tmp_path / "run", engine="vllm"))


@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # importing vLLM gives several
def test_vllm_samples_from_the_weights_that_each_step_left(tmp_path: Path) -> None:
    config = run_config(tmp_path / "run", engine="vllm", concurrency=8)
    found = execute(config, resume=False, progress=Listening())
    assert list(found) == ["model", "seed", "base", "sft", "rl", "out"]
    steps = read(config.out / "metrics.jsonl", "rl")
    assert all(line["coverage"] == 1.0 and line["drifts"] == 0 for line in steps)
    # Draws that fit other weights than the trained ones would show here.
    assert all(float(str(line["mismatch"])) < 1e-6 for line in steps)
    versions = [
        {call.version for episode in read_log(path).values() for call in episode.calls}
        for path in sorted((config.out / "rl").glob("step-*.jsonl"))
    ]
    assert [len(found) for found in versions] == [1] * 4
    assert len(set(map(min, versions))) == 4
    assert json.loads((config.out / "summary.json").read_bytes())["rl"]["coverage"] == 1.0
    assert not (config.out / "weights").exists()


@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # importing vLLM gives several
def test_weights_that_were_not_brought_over_are_noticed(tmp_path: Path) -> None:
    policy = load_policy(run_config(tmp_path / "run", engine="vllm", concurrency=8))
    try:
        assert isinstance(policy, SyncedPolicy)
        with torch.no_grad():
            for parameter in policy.model.parameters():
                parameter.mul_(1.05)
        with pytest.raises(WeightsDiffer, match="version 0 of the engine's weights is not"):
            policy.check()
        policy.weights_changed()
        assert policy.version == 1
        assert anyio.run(policy.generate, [1, 2], Sampling(max_tokens=2, seed=0)).version == 1
    finally:
        anyio.run(policy.aclose)
