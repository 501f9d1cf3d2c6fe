"""Libraries that an adapter is for: there, or one clear line about what to install."""

from __future__ import annotations

import importlib
from types import ModuleType


def library(module: str, *, install: str) -> ModuleType:
    """The module of an optional library. Raises ValueError that says what pip has to install."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        name = module.partition(".")[0]
        if error.name is None or name != error.name.partition(".")[0]:
            raise
        raise ValueError(f"this needs {name}; run: pip install '{install}'") from None
