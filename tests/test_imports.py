"""Importing the package is quick and leaves the heavy libraries alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "vllm", "docker", "safetensors", "gguf", "ray")
CHILD = """
import importlib, json, sys, time
started = time.perf_counter()
importlib.import_module(sys.argv[1])
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "loaded": sorted(sys.modules)}))
"""


def imported(module: str) -> tuple[float, set[str]]:
    """Seconds that importing a module takes in a fresh interpreter, and what it loads."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD, module], capture_output=True, text=True, check=True
    )
    report = json.loads(child.stdout)
    return report["seconds"], set(report["loaded"])


@pytest.mark.parametrize(
    "module",
    [
        "forethought",
        "forethought.cli",
        "forethought.sandbox",
        "forethought.envs",
        "forethought.agents",
        "forethought.benchmarks",
    ],
)
def test_importing_loads_no_heavy_library(module: str) -> None:
    _, loaded = imported(module)
    assert loaded.intersection(HEAVY) == set()
    assert module in loaded


def test_importing_takes_less_than_a_second() -> None:
    assert min(imported("forethought")[0] for _ in range(3)) < 1.0
