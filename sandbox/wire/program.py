"""The agent as one command line: source text for a Python that knows nothing of this package."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from forethought.sandbox.wire.frames import Settings

MODULES = (
    "wire.frames",
    "inside.processes",
    "inside.confine",
    "inside.snippet",
    "inside.command",
    "inside.pristine",
    "inside.files",
    "inside.archive",
    "inside.streams",
    "inside.workers",
)
"""What the agent imports, in the order in which they import each other."""

LOADER = """
import json, sys, types
if sys.version_info < (3, 9):
    sys.exit("Python %d.%d is too old" % sys.version_info[:2])
for name, source in json.loads(sys.argv.pop(1)):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
exec(compile(sys.argv.pop(1), "agent", "exec"))
"""


def arguments(settings: Settings) -> list[str]:
    """What follows `python3` to run the agent: isolated, without site-packages.

    Linux allows 128 KiB in one argument; the program is a third of that.
    """
    modules, main = _sources(
        MODULES if settings.not_proxied is None else (*MODULES, "inside.tunnel")
    )
    return ["-I", "-S", "-c", LOADER, modules, main, json.dumps(settings._asdict())]


@cache
def _sources(names: tuple[str, ...]) -> tuple[str, str]:
    here = resources.files("forethought.sandbox")

    def source(name: str) -> str:
        folder, _, file = name.partition(".")
        return here.joinpath(folder, f"{file}.py").read_text(encoding="utf-8")

    modules = [(f"forethought.sandbox.{name}", source(name)) for name in names]
    return json.dumps(modules), source("inside.agent")
