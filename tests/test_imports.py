"""Importing the package is quick and leaves the heavy libraries alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "vllm", "docker", "safetensors", "gguf", "ray")
CHILD = """
import importlib, json, sys, time
started = time.process_time()
for module in sys.argv[1:]:
    importlib.import_module(module)
seconds = time.process_time() - started
print(json.dumps({"seconds": seconds, "loaded": sorted(sys.modules)}))
"""


def imported(*modules: str) -> tuple[float, set[str]]:
    """Seconds of computing that importing takes in a fresh interpreter, and what is loaded."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *modules], capture_output=True, text=True, check=True
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


def test_importing_takes_no_more_computing_than_five_times_its_dependencies() -> None:
    # Idle machines of today need a fifth of a second for these; slow and busy ones more for both.
    dependencies = min(imported("gymnasium", "pydantic", "httpx", "rich")[0] for _ in range(3))
    assert min(imported("forethought")[0] for _ in range(3)) < 5 * dependencies
