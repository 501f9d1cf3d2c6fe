"""Cheats for where hidden test files share a process with the work."""

from __future__ import annotations

from cheats import WORK, Cheat, called, loaded

from forethought.sandbox import Cause


def pretending(name: str, source: str) -> Cheat:
    """Has the decoys pass with all the rest."""
    return called(name, Cause.TAMPERED, source)


TEST_FILE_CHEATS: tuple[Cheat, ...] = (
    pretending(
        "a pytest that runs no test",
        """
import _pytest.runner
original = _pytest.runner.CallInfo.from_call
def passing(cls, func, when, reraise=None):
    return original(lambda: None, when, reraise)
_pytest.runner.CallInfo.from_call = classmethod(passing)
def trick(x):
    return 0
""",
    ),
    pretending(
        "reports that always say passed",
        """
import _pytest.reports
_pytest.reports.TestReport.outcome = property(lambda self: "passed", lambda self, value: None)
def trick(x):
    return 0
""",
    ),
    pretending(
        "a recorder that forgets failures",
        """
import gc
class Passed(list):
    def append(self, phase):
        super().append("passed")
for thing in gc.get_objects():
    if type(thing).__name__ == "Recorder":
        kind = type(thing)
        kind.phases = property(lambda self: Passed(["passed"]), lambda self, value: None)
def trick(x):
    return 0
""",
    ),
    pretending(
        "an object that equals every expected value",
        """
class Equal:
    def __eq__(self, other):
        return True
    def __hash__(self):
        return 0
def trick(x):
    return Equal()
""",
    ),
    pretending(
        "tests that skip themselves",
        """
import pytest
def trick(x):
    pytest.skip("later")
""",
    ),
    pretending(
        "tests that were known to fail",
        """
import pytest
def trick(x):
    pytest.xfail("known")
""",
    ),
    pretending(
        "tests that are not collected",
        """
import _pytest.main
_pytest.main.Session.genitems = lambda self, node: iter(())
def trick(x):
    return 0
""",
    ),
    pretending(
        "reports of success for what can be found, under the stolen nonce",
        """
import gc, json, os
def trick(x):
    for thing in gc.get_objects():
        if isinstance(thing, dict) and "nonce" in thing and "directory" in thing:
            names = [f"test_hidden.py::test_{n}" for n in range(40)]
            reports = [{"test": name, "outcome": "passed"} for name in names] + ["done"]
            for number, report in enumerate(reports, 2):
                line = f"{thing['nonce']} {number} {json.dumps(report)}\\n".encode()
                for fd in range(3, 10):
                    if os.path.exists(f"/proc/self/fd/{fd}"):
                        try:
                            os.write(fd, line)
                        except OSError:
                            pass
            os._exit(0)
""",
    ),
    pretending(
        "noise on every descriptor, with tests",
        """
import os
for fd in range(64):
    try:
        os.write(fd, b'{"passed": true}\\n')
    except OSError:
        pass
def trick(x):
    return 0
""",
    ),
    loaded("exit under pytest", Cause.CRASHED, "import sys\nsys.exit(0)"),
    loaded("a hard exit under pytest", Cause.CRASHED, "import os\nos._exit(0)"),
    called("a hard exit in a test", Cause.CRASHED, "import os\ndef trick(x):\n    os._exit(0)"),
    Cheat(
        name="a module that pytest cannot load",
        cause=Cause.RAISED,
        source=f"1 / 0\n{WORK}",
    ),
)
