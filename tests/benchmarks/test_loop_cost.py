"""The benchmark of the loop runs, and its numbers are of the right kind."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "perf" / "loop.py"


def test_the_cost_of_a_turn_is_measured_and_printed_last_as_json() -> None:
    command = [sys.executable, str(SCRIPT), "--turns", "30", "--episodes", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ours = json.loads(done.stdout.splitlines()[-1])["ours"]
    assert 0 < ours["us_per_turn_best"] <= ours["us_per_turn"] < 5000
    assert ours["us_per_turn_ten_times_longer"] < 3 * ours["us_per_turn"]
