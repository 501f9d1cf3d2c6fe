"""The program that runs hidden tests on judged code in a fresh sandbox, and reports each of them.

It is sent as source text, so it needs Python 3.9, pytest and nothing else. Settings, plugins and
conftest files have no say, wherever they come from. See suites.py for what its reports are worth.
"""

# ruff: noqa: PTH109 - every import lengthens every judging

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    """Collect the tests, run them, report; then leave without a look at what is left."""
    job = json.loads(sys.stdin.buffer.read())
    nonce: str = job["nonce"]
    # Kept where a patched module does not reach them, so that careless judged code stays harmless.
    write, dumps, leave = os.write, json.dumps, os._exit
    reports = os.dup(1)
    os.dup2(2, 1)
    number = 0

    def say(report: object) -> None:
        nonlocal number
        line = f"{nonce} {number} {dumps(report)}\n".encode()
        number += 1
        while line:
            line = line[write(reports, line) :]

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import pytest

    class Recorder:
        """Tells what is found and how each test ends, in all its phases."""

        def __init__(self) -> None:
            self.phases: list[str] = []

        def pytest_collectreport(self, report: pytest.CollectReport) -> None:
            if report.failed:
                say({"broken": str(report.longrepr)[-500:]})

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self, session: pytest.Session) -> None:
            say({"collected": [item.nodeid for item in session.items]})

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            is_odd = hasattr(report, "wasxfail")
            self.phases.append("xfailed" if is_odd else report.outcome)
            if report.when == "teardown":
                say({"test": report.nodeid, "outcome": _outcome(self.phases)})
                self.phases = []

    say("hello")
    sys.path.append(os.getcwd())
    directory: str = job["directory"]
    options = ["--rootdir", directory, "-c", os.devnull, "--noconftest", "-p", "no:cacheprovider"]
    options += ["--import-mode=importlib", "--assert=plain", "-q", "-q", "--tb=no"]
    pytest.main([*options, *job["files"]], plugins=[Recorder()])
    say("done")
    leave(0)


def _outcome(phases: list[str]) -> str:
    """Passed only if setting up, calling and tearing down all have."""
    return next((phase for phase in phases if phase != "passed"), "passed")


if __name__ == "__main__":
    main()
