"""Tools for more than a context holds: a memory, what was taken out of the context, branches.

An environment can grant them like any other tool; some compressors of the agent loop bring them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from forethought.envs.context import Branch, Context
from forethought.envs.tools import tool

KEPT_FOLDER = ".kept"
"""Where a sandbox has what was taken out of a context."""
MAX_FILES = 64
MAX_MEMORY = 32_768
"""Characters of all files in the memory together."""
MAX_RECALL = 2_000
"""Characters that one recall reads."""
SNIPPET = 80
"""Characters shown on each side of words that were found."""
MAX_FOUND = 6
"""Places where words were found that are shown."""


@tool(resource="memory")
def memory(
    action: Literal["view", "write", "append", "delete"],
    context: Context,
    path: str = "",
    text: str = "",
) -> str:
    """files that stay when the context is emptied; view without a path lists them"""
    files = context.notes.memory
    if action == "view":
        return _shown(files, path) if path else _listed(files)
    if not path.strip():
        raise ValueError(f"{action} which file? give a path")
    if action == "delete":
        _existing(files, path)
        del files[path]
        return f"deleted {path}"
    before = files.get(path, "")
    after = f"{before}\n{text}" if action == "append" and before else text
    _check_room(files, path, after)
    files[path] = after
    return f"{path} has {len(after)} characters"


@tool
def recall(
    context: Context, path: str = "", find: str = "", start: int = 0, chars: int = MAX_RECALL
) -> str:
    """what was taken out of your context: read a path from a character on, or find words in all"""
    kept = context.notes.kept
    if find:
        return _found(kept, find)
    text = _existing(kept, path)
    if not 0 <= start < max(len(text), 1):
        raise ValueError(f"{path} has {len(text)} characters, so none at {start}")
    if not 1 <= chars <= MAX_RECALL:
        raise ValueError(f"between 1 and {MAX_RECALL} characters can be read at once, not {chars}")
    end = start + chars
    more = f"\n({end} of {len(text)} characters; go on with start={end})"
    return text[start:end] + (more if end < len(text) else "")


@tool(resource="branch")
def branch(description: str, context: Context) -> str:
    """begin a part of the work; return ends it and leaves only its message in your context"""
    if context.notes.branch is not None:
        raise ValueError(
            f"you are in a branch already ({context.notes.branch.description[:60]}); return first"
        )
    context.notes.branch = Branch(call_id=context.call_id, description=description)
    return "You are in the branch now. End it with return and all that must be remembered of it."


@tool(resource="branch")
def return_(message: str, context: Context) -> str:
    """end the branch; of what happened since it began only the message stays"""
    open_branch = context.notes.branch
    if open_branch is None or open_branch.message is not None:
        raise ValueError("there is no branch to return from")
    open_branch.message = message
    return "The branch is done."


# The tool's name is a keyword of Python.
return_.__name__ = "return"

FOLD_TOOLS = (branch, return_)


def _found(kept: Mapping[str, str], words: str) -> str:
    """Where words stand in what was kept, each place once, the newest first."""
    places: dict[str, str] = {}
    for path, text in reversed(list(kept.items())):
        for match in re.finditer(re.escape(words), text, re.IGNORECASE):
            begin = text.rfind("\n", 0, match.start()) + 1
            begin = max(begin, match.start() - SNIPPET)
            end = min(match.end() + SNIPPET, text.find("\n", match.end()) % (len(text) + 1))
            places.setdefault(text[begin:end], path)
    lines = [f"{path}: {snippet}" for snippet, path in list(places.items())[:MAX_FOUND]]
    more = [f"(and {len(places) - MAX_FOUND} more places)"] if len(places) > MAX_FOUND else []
    return "\n".join([*lines, *more]) or f"nothing kept says {words[:60]!r}"


def _check_room(files: dict[str, str], path: str, text: str) -> None:
    others = [len(held) for name, held in files.items() if name != path]
    if len(others) >= MAX_FILES:
        raise ValueError(f"the memory holds {MAX_FILES} files at most; delete one first")
    if sum(others) + len(text) > MAX_MEMORY:
        raise ValueError(
            f"the memory holds {MAX_MEMORY} characters at most and has {sum(others)} beside "
            f"{path}; delete or shorten something first"
        )


def _existing(files: dict[str, str], path: str) -> str:
    if path not in files:
        raise LookupError(f"there is no {path[:60]!r}; {_listed(files)}")
    return files[path]


def _shown(files: dict[str, str], path: str) -> str:
    return _existing(files, path) or "(empty file)"


def _listed(files: dict[str, str]) -> str:
    lines = [f"{path} ({len(text)} characters)" for path, text in files.items()]
    return "there are: " + ", ".join(lines) if lines else "there are no files"
