"""Harbor tasks: a directory with task.toml, instruction.md, environment/ and tests/, read strictly.

The format is that of Harbor 0.25 (schema up to 1.4, https://harborframework.com/docs), in which
Terminal-Bench 2 is published. What needs more than one Linux container without a processor of its
own is refused by name: several steps, compose services, a verifier's own environment, MCP servers,
GPUs, Windows. A task without tests/test.sh could never be scored and is refused too.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from forethought.envs.first_error import first_error

FILE = "task.toml"
MAX_TEXT = 1 << 20
"""Bytes of task.toml, of an instruction and of a script."""
MAX_TREE = 32 << 20
"""Bytes of all files in tests/ or in solution/."""
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
_SIZE = re.compile(r"\s*([\d.]+)\s*([GMK])B?\s*")
_SIZES = {"G": 1024, "M": 1, "K": 1 / 1024}


class _Section(BaseModel):
    """Part of task.toml; what we do not use is let pass, as Harbor does."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Phase(_Section):
    """[agent] and [verifier]: how long each may take, and its variables."""

    timeout_sec: float | None = Field(default=None, gt=0)
    env: dict[str, str] = Field(default_factory=dict)
    environment_mode: Literal["shared", "separate"] | None = None
    environment: dict[str, object] | None = None
    collect: tuple[object, ...] = ()


class Machine(_Section):
    """[environment]: what the container is like."""

    docker_image: str | None = None
    os: str = "linux"
    cpus: float | None = Field(default=None, gt=0)
    memory_mb: int | None = Field(default=None, gt=0)
    storage_mb: int | None = Field(default=None, gt=0)
    gpus: int | None = None
    tpu: dict[str, object] | None = None
    mcp_servers: tuple[object, ...] = ()
    healthcheck: dict[str, object] | None = None
    env: dict[str, str] = Field(default_factory=dict)
    workdir: str | None = None
    network_mode: Literal["public", "no-network", "allowlist"] = "public"
    allowed_hosts: tuple[str, ...] = ()
    build_timeout_sec: float = Field(default=600.0, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _sizes_in_megabytes(cls, data: object) -> object:
        """`memory = "2G"`, as schema 1.0 writes it."""
        if not isinstance(data, dict):
            return data
        sizes = {f"{key}_mb": _megabytes(data[key]) for key in ("memory", "storage") if key in data}
        return {**sizes, **data}


class Solution(_Section):
    """[solution]: variables of solve.sh."""

    env: dict[str, str] = Field(default_factory=dict)


class Config(_Section):
    """task.toml."""

    schema_version: str | None = None
    version: str | None = None
    metadata: dict[str, object] = Field(default_factory=dict)
    agent: Phase = Phase()
    verifier: Phase = Phase()
    environment: Machine = Machine()
    solution: Solution = Solution()
    steps: tuple[object, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class HarborTask:
    """One task, read whole."""

    directory: Path
    instruction: str
    config: Config
    tests: Mapping[str, bytes]
    """Files by path below tests/; test.sh is among them."""
    solution: Mapping[str, bytes]
    """Files by path below solution/; empty where none is published."""

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.directory.name


def find_tasks(path: Path) -> list[Path]:
    """The directories of tasks at `path`: itself, or those one level below, sorted.

    Raises ValueError if there is none.
    """
    if (path / FILE).is_file():
        return [path]
    found = sorted(file.parent for file in path.glob(f"*/{FILE}")) if path.is_dir() else []
    if not found:
        raise ValueError(
            f"no Harbor task at {str(path)!r}: neither it nor a folder in it has {FILE}"
        )
    return found


def read_task(directory: Path) -> HarborTask:
    """Read a task. Raises ValueError that names the file and what is wrong, or not supported."""
    file = directory / FILE
    config = _config(file)
    _require_supported(directory, config)
    tests = _tree(directory / "tests")
    if "test.sh" not in tests:
        raise ValueError(f"{directory}: tests/test.sh is missing, so nothing could score the task")
    return HarborTask(
        directory=directory,
        instruction=read_instruction(directory),
        config=config,
        tests=tests,
        solution=_tree(directory / "solution"),
    )


def read_instruction(directory: Path) -> str:
    """What the agent reads. Raises ValueError where there is nothing."""
    file = directory / "instruction.md"
    instruction = _text(file).strip()
    if not instruction:
        raise ValueError(f"{file} is empty; it says what the agent is to do")
    return instruction


def resolved(variables: Mapping[str, str], *, where: Path) -> dict[str, str]:
    """Values with `${NAME}` and `${NAME:-default}` taken from this process's environment.

    Raises ValueError for a name that is not set and has no default.
    """

    def value(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2)
        found = os.environ.get(name, default)
        if found is None:
            raise ValueError(f"{where}: the task needs the variable {name}, which is not set")
        return found

    return {name: _VARIABLE.sub(value, text) for name, text in variables.items()}


def _config(file: Path) -> Config:
    try:
        return Config.model_validate(tomllib.loads(_text(file)))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: not TOML: {error}") from None
    except ValidationError as error:
        raise ValueError(f"{file}: {first_error(error)}") from None


def _require_supported(directory: Path, config: Config) -> None:
    machine, verifier = config.environment, config.verifier
    compose = [name for name in ("yaml", "yml") if _has(directory, f"docker-compose.{name}")]
    needs = {
        "several steps ([[steps]])": bool(config.steps),
        "compose services (environment/docker-compose)": bool(compose),
        "an environment of the verifier's own": verifier.environment is not None
        or verifier.environment_mode == "separate",
        "[[verifier.collect]]": bool(verifier.collect),
        "MCP servers": bool(machine.mcp_servers),
        "a health check": machine.healthcheck is not None,
        "a GPU or TPU": bool(machine.gpus) or machine.tpu is not None,
        f"the system {machine.os}": machine.os.lower() != "linux",
    }
    for need, is_needed in needs.items():
        if is_needed:
            raise ValueError(f"{directory / FILE}: the task needs {need}, which is not supported")
    if machine.docker_image is None and not _has(directory, "Dockerfile"):
        raise ValueError(f"{directory}: neither environment/Dockerfile nor docker_image is there")


def _has(directory: Path, name: str) -> bool:
    return (directory / "environment" / name).is_file()


def _tree(folder: Path) -> dict[str, bytes]:
    """Files below a folder by path; empty without the folder. Links out of it are refused."""
    found: dict[str, bytes] = {}
    size = 0
    for file in sorted(folder.rglob("*")):
        if not file.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{file}: a link out of {folder}; put the file there")
        if not file.is_file():
            continue
        size += file.stat().st_size
        if size > MAX_TREE:
            raise ValueError(f"{folder}: more than {MAX_TREE >> 20} MiB of files")
        found[file.relative_to(folder).as_posix()] = file.read_bytes()
    return found


def _text(file: Path) -> str:
    if not file.is_file():
        raise ValueError(f"{file} is missing; a Harbor task has it")
    if file.stat().st_size > MAX_TEXT:
        raise ValueError(f"{file}: {file.stat().st_size} bytes; at most {MAX_TEXT} are read")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: not UTF-8 at byte {error.start}") from None


def _megabytes(size: object) -> object:
    """`"2G"` as 2048; what does not read so is left for the model to refuse."""
    if isinstance(size, str) and (match := _SIZE.fullmatch(size.upper())):
        return int(float(match[1]) * _SIZES[match[2]])
    return size
