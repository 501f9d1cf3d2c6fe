"""Tests that need a machine with something special are skipped elsewhere, and say why."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections import Counter
from pathlib import Path

import hypothesis
import pytest

IS_CI = os.environ.get("CI") == "true"
"""There an engine is part of the machine: a test that cannot find it fails."""

# What is shown and who is asked must not depend on a machine's terminal and its way out.
os.environ.pop("FORCE_COLOR", None)
os.environ.update(COLUMNS="100", NO_COLOR="1")
os.environ.update(dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1"))

# A shell makes what it starts in the background deaf to Ctrl-C, which some tests are about.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test is about how long an example takes: a machine may be slow, or busy with something else.
# The same examples each time, so that a change is judged by what it changes; elsewhere others.
hypothesis.settings.register_profile(
    "ours",
    derandomize=IS_CI,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("ours")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = {mark: [item for item in items if item.get_closest_marker(mark)] for mark in MISSING}
    for mark, needy in marked.items():
        reason = MISSING[mark]() if needy else None
        if reason is not None:
            for item in needy:
                item.add_marker(pytest.mark.skip(reason=reason))
    _longest_first(items)


def _longest_first(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no worker begins a long one when the others are done."""
    slow: Counter[Path] = Counter()
    for item in items:
        weight = 2 * bool(item.get_closest_marker("slow")) + bool(item.get_closest_marker("docker"))
        slow[item.path] = max(slow[item.path], weight)
    items.sort(key=lambda item: -slow[item.path])


def missing_engine() -> str | None:
    from forethought.sandbox.backend.docker import unusable

    return None if IS_CI else unusable()


def missing_gvisor() -> str | None:
    from forethought.sandbox.engine import describe

    reason = missing_engine()
    if IS_CI or reason is not None:
        return reason
    return None if "with gVisor" in describe() else "the engine has no runtime named runsc"


def missing_gpu() -> str | None:
    import torch

    return None if torch.cuda.is_available() else "PyTorch sees no CUDA device"


def missing_vllm() -> str | None:
    is_here = importlib.util.find_spec("vllm") is not None
    return None if is_here else "vLLM is not installed; the README says how"


MISSING = {
    "docker": missing_engine,
    "gvisor": missing_gvisor,
    "gpu": missing_gpu,
    "vllm": missing_vllm,
}
