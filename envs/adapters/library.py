"""Libraries that an adapter is for: there, or one clear line about what to install."""

from __future__ import annotations

import importlib
from types import ModuleType


def library(module: str, *, extra: str) -> ModuleType:
    """The module of an optional library. Raises ValueError that says how to install it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.partition(".")[0] != error.name.partition(".")[0]:
            raise
        raise ValueError(f"this needs {extra}; run: pip install {install_name(extra)}") from None


def install_name(extra: str) -> str:
    """What pip is to be asked for: one of our extras, or a distribution with its version."""
    return f"'{extra}'" if "==" in extra else f"'forethought[{extra}]'"
