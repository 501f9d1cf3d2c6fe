"""Arguments: what the strings of a command line stand for."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from forethought.agents.budget import Limits
from forethought.agents.engines.prices import Price
from forethought.envs.registry import env_class, full_id, make

_SCRIPTS = ("oracle", "floor", "scripted")
_ROOM = Limits(turns=1024, tokens=1 << 22, reply_tokens=1 << 16, context=1 << 22)


def environment_id(text: str) -> str:
    """The full id of an environment; `FILE.py:ID` and `module:ID` import the author's code first.

    Raises ValueError if there is none of that name or the file cannot be found.
    """
    source, colon, env_id = text.rpartition(":")
    if colon:
        _import(source)
    elif text.endswith(".py"):
        raise ValueError(f"{text!r} names a file alone; give {text}:ID, the id that it registers")
    return full_id(env_id)


def horizons(text: str | None) -> tuple[int, ...]:
    """`4`, `2-5` or `2,4,8` as numbers; none for None. Raises ValueError for anything else."""
    if text is None:
        return ()
    first, dash, last = text.partition("-")
    try:
        if dash:
            found = tuple(range(int(first), int(last) + 1))
        else:
            found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise ValueError(f"--horizon {text!r} is not a number (4), a range (2-5) or a list (2,4,8)")
    return found


def options(pairs: Sequence[str], *, env_id: str) -> dict[str, JsonValue]:
    """`key=value` pairs; a value is JSON where it reads as JSON, else the text itself.

    Raises ValueError for what the environment does not know or accept.
    """
    found: dict[str, JsonValue] = {}
    known = _known_options(env_id)
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ValueError(f"--option {pair!r} should read key=value")
        if key not in known:
            there_are = f"there are: {', '.join(known)}" if known else "it has none"
            raise ValueError(f"{env_id} has no option {key!r}; {there_are}")
        try:
            found[key] = json.loads(value)
        except json.JSONDecodeError:
            found[key] = value
    make(env_id, **found)
    return found


def limits(pairs: Sequence[str], *, model: str, usual: Limits | None = None) -> Limits:
    """`key=value` bounds on an episode, the rest as `usual`, by default for the model.

    A script's replies are counted in bytes and an expert is held by the environment alone, so
    limits meant for a model's tokens do not fit them. Raises ValueError for an unknown name.
    """
    if usual is None:
        name = model.rpartition("@")[2]
        usual = _ROOM if name.partition(":")[0] in _SCRIPTS else Limits()
    wanted: dict[str, int | float | str | None] = asdict(usual)
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ValueError(f"--limit {pair!r} should read key=value")
        if key not in wanted:
            raise ValueError(f"--limit {pair!r}: no limit {key!r}; there are: {', '.join(wanted)}")
        wanted[key] = value
    try:
        return TypeAdapter(Limits).validate_python(wanted)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        problem = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"--limit {where}: {problem}" if where else problem) from None


def minds(pairs: Sequence[str]) -> dict[str, str]:
    """`NAME=M` pairs: other models by the name that agents ask them by. Raises ValueError."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, model = pair.partition("=")
        if not equals or not name.isidentifier() or not model:
            raise ValueError(f"--mind {pair!r} should read NAME=M, such as big=http://host/v1#name")
        if name in found:
            raise ValueError(f"--mind {pair!r}: there is another mind of that name")
        found[name] = model
    return found


def prices(pairs: Sequence[str], *, model: str, minds: Mapping[str, str]) -> dict[str, Price]:
    """`IN,OUT` for the model itself, `NAME=IN,OUT` for a mind. Raises ValueError."""
    found: dict[str, Price] = {}
    for pair in pairs:
        name, _, amounts = pair.rpartition("=")
        if name and name not in minds:
            there_are = f"there are: {', '.join(minds)}" if minds else "there are none"
            raise ValueError(f"--price {pair!r}: no mind named {name!r}; {there_are}")
        try:
            prompt, completion = map(float, amounts.split(","))
        except ValueError:
            raise ValueError(
                f"--price {pair!r} should read IN,OUT or NAME=IN,OUT, such as 0.15,0.6"
            ) from None
        found[name or model] = Price(prompt=prompt, completion=completion)
    return found


def _known_options(env_id: str) -> list[str]:
    """Options of an environment but those that `--horizon` and the command itself set."""
    parameters = inspect.signature(env_class(env_id)).parameters
    return [name for name in parameters if name not in ("horizon", "split")]


def _import(source: str) -> None:
    if not source.endswith(".py"):
        try:
            importlib.import_module(source)
        except ModuleNotFoundError as error:
            raise ValueError(f"cannot import {source!r}: {error.msg}") from None
        return
    path = Path(source)
    if not path.is_file():
        raise ValueError(f"no file {source!r} to import environments from")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ValueError(f"{error.filename}:{error.lineno}: {error.msg}") from error
