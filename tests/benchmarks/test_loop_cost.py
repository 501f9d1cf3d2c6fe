"""The benchmarks of the loop run, and their numbers are of the right kind."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PERF = Path(__file__).parents[2] / "benchmarks" / "perf"


def run(name: str, *arguments: str) -> Any:
    command = [sys.executable, str(PERF / name), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])["ours"]


def test_the_cost_of_a_turn_is_measured_and_printed_last_as_json() -> None:
    ours = run("loop.py", "--turns", "30", "--episodes", "2")
    assert 0 < ours["us_per_turn_best"] <= ours["us_per_turn"] < 5000
    assert ours["us_per_turn_ten_times_longer"] < 3 * ours["us_per_turn"]


def test_episodes_at_once_and_a_long_one_are_measured() -> None:
    ours = run("scale.py", "--episodes", "100", "--turns", "3", "--long", "400")
    assert 0 < ours["before_gib"] <= ours["peak_gib"] < 2
    us, kept = ours["curve"]["us"], ours["curve"]["bytes"]
    assert (len(us), len(kept)) == (4, 4)
    # What a turn keeps is counted and not timed, so it can be held to: it must not grow.
    assert max(kept) < 1.25 * min(kept)
    assert max(kept) < 10_000
