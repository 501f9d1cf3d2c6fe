"""The command line: one command in, an exit code out; a user's mistake gets one line."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence

from rich.console import Console

from forethought.agents.engines.engine import EngineError
from forethought.agents.record.failure import leaves
from forethought.commands import COMMANDS, CommandFailed
from forethought.parser import build_parser
from forethought.sandbox.base import SandboxError

_MISTAKES = (
    ValueError,
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
)
OK, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130

_EXTRAS = {
    "torch": "train",
    "transformers": "train",
    "safetensors": "train",
    "gguf": "train",
    "vllm": "vllm",
    "tantivy": "search",
}
"""Modules that may be absent, and the optional part that brings them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns 0 when it is done, 1 if it failed, 2 for wrong use.

    With --json the result is the last line on standard output and everything else goes to standard
    error. FORETHOUGHT_DEBUG=1 shows the traceback of an error instead of its line.
    """
    args = build_parser().parse_args(arguments)
    # The hub's client logs each of its retries; what came of them is told in the error.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    # Threads of torch that spin while they wait stall each other as soon as anything else runs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    console = Console(stderr=args.json, highlight=False, soft_wrap=True)
    try:
        result = COMMANDS[args.command](args, console)
        if args.json:
            print(json.dumps(result), flush=True)
    except KeyboardInterrupt:
        is_kept = args.command in ("train", "demo") or bool(vars(args).get("out"))
        return _say(INTERRUPTED, f"interrupted{'; continue with --resume' if is_kept else ''}")
    except BrokenPipeError:
        # Whoever read our output has gone; nothing can be told any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except CommandFailed as error:
        if args.json:
            print(json.dumps(error.result), flush=True)
        return _say(FAILED, str(error))
    except _MISTAKES as error:
        return _fail(MISUSED, error)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        advice = f"; run: pip install 'forethought[{extra}]'" if extra else ""
        return _say(FAILED, f"{error.msg}{advice}")
    except (OSError, RuntimeError, ImportError, EngineError, SandboxError) as error:
        return _fail(FAILED, error)
    except Exception as error:  # noqa: BLE001 - environments are code of the user
        return _bug(leaves(error)[0])
    return OK


def _bug(error: BaseException) -> int:
    """An exception that nobody foresaw, of an environment most likely: where it was raised."""
    if os.environ.get("FORETHOUGHT_DEBUG"):
        raise error
    last = traceback.extract_tb(error.__traceback__)[-1]
    return _say(
        FAILED,
        f"{type(error).__name__}: {' '.join(str(error).split())} ({last.filename}:{last.lineno}); "
        "FORETHOUGHT_DEBUG=1 shows how it came to that",
    )


def _fail(code: int, error: Exception) -> int:
    if os.environ.get("FORETHOUGHT_DEBUG"):
        raise error
    if isinstance(error, OSError) and error.filename is not None:
        return _say(code, f"{error.filename}: {error.strerror}")
    return _say(code, " ".join(str(error).split()) or type(error).__name__)


def _say(code: int, message: str) -> int:
    print(f"forethought: {message}", file=sys.stderr)
    return code
