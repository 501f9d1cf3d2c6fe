"""BrowseComp: encrypted rows, a canary, and an answer in a form."""

from __future__ import annotations

import base64
import csv
import hashlib
from pathlib import Path
from typing import Any

import pytest

from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.datasets.browsecomp import BrowseComp, decrypt

CANARY = "BrowseComp:11111111-2222"
FIELDS = ["problem", "answer", "problem_topic", "canary"]


def encrypted(text: str, password: str = CANARY) -> str:
    key, data = hashlib.sha256(password.encode()).digest(), text.encode()
    return base64.b64encode(bytes(b ^ key[i % 32] for i, b in enumerate(data))).decode()


def row(n: int) -> list[str]:
    question = f"Which of the lakes that were dug before 1950 has {n} islands and a café?"
    return [encrypted(question), encrypted(f"Lake Nº {n}"), "Geography", CANARY]


def written(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([FIELDS, *rows])
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "browse_comp_test_set.csv", [row(n) for n in range(30)])


def begun(file: Path) -> BrowseComp:
    env = BrowseComp(path=str(file))
    env.reset(options={"task": [*BrowseComp.load(file)][3]})
    return env


def test_it_keeps_the_promises_of_an_environment(file: Path) -> None:
    def factory(**options: Any) -> BrowseComp:
        return BrowseComp(path=str(file.parent), **options)

    report = check_env(factory, num_seeds=4)
    assert report.ok, str(report)


def test_rows_are_decrypted_by_their_canary(file: Path) -> None:
    task = [*BrowseComp.load(file)][3]
    assert task.prompt.startswith("Which of the lakes that were dug before 1950 has 3 islands")
    assert (task.answer, task.data["canary"]) == ("Lake Nº 3", CANARY)
    assert "Lake" not in file.read_text(encoding="utf-8")
    # Worked out by simple-evals' own decrypt: XOR with sha256("ABC"), whose first byte is 0xb5.
    assert decrypt(base64.b64encode(bytes([0xB5 ^ ord("A")])).decode(), "ABC") == "A"


@pytest.mark.parametrize(
    ("reply", "score", "confidence"),
    [
        ("Explanation: found.\nExact Answer: lake nº 3.\nConfidence: 80%", 1.0, 0.8),
        ("**Exact Answer:** Lake Nº 3\n**Confidence:** 100", 1.0, 1.0),
        ("Lake Nº 3", 1.0, None),
        ("Exact Answer: Lake Nº 4\nExplanation: not Lake Nº 3", 0.0, None),
        ("It may be Lake Nº 3 or Lake Nº 4.", 0.0, None),
        (render_call("submit", {"answer": "Lake Nº 3", "confidence": 0.5}), 1.0, 0.5),
        ("", 0.0, None),
    ],
    ids=["form", "bold", "bare", "wrong", "both", "call", "nothing"],
)
def test_the_exact_answer_counts(
    file: Path, reply: str, score: float, confidence: float | None
) -> None:
    env = begun(file)
    _, found, terminated, _, info = env.step(reply)
    assert (found, terminated) == (score, True)
    assert env.submitted is not None
    assert env.submitted.confidence == confidence
    assert (info["metrics"]["calibration"] is None) == (confidence is None)


def test_web_tools_are_granted_where_a_provider_is_named(tmp_path: Path) -> None:
    assert set(BrowseComp().tools) == {"submit"}
    assert set(BrowseComp(search="brave", tape=str(tmp_path)).tools) == {"search", "open", "submit"}
    with pytest.raises(ValueError, match="tape='x' needs search=PROVIDER"):
        BrowseComp(tape="x")
    with pytest.raises(ValueError, match="bing"):
        BrowseComp(search="bing")


BROKEN = {
    "another canary": ([*row(1)[:3], "other"], r":2: the canary does not decrypt it"),
    "no base64": (["?", *row(1)[1:]], r":2: no base64"),
    "no canary": ([*row(1)[:3], ""], r":2: canary: String should have at least 1"),
    "too few fields": (row(1)[:3], r":2: 4 fields are expected"),
    "too many fields": ([*row(1), "x"], r":2: 4 fields are expected"),
    "a huge field": (["A" * 200_000, *row(1)[1:]], r":2: no CSV: field larger than"),
}


@pytest.mark.parametrize(("cells", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_row_is_named(tmp_path: Path, cells: list[str], told: str) -> None:
    file = written(tmp_path / "x.csv", [cells])
    with pytest.raises(ValueError, match=told):
        BrowseComp(path=str(file)).tasks()


def test_other_columns_and_other_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("question,answer\na,b\n")
    with pytest.raises(ValueError, match=r"x\.csv:2: problem: Field required"):
        BrowseComp(path=str(file)).tasks()
    packed = tmp_path / "y.csv"
    packed.write_bytes(b"\x80\x04\x95pickled")
    with pytest.raises(ValueError, match=r"y\.csv: it is a pickle"):
        BrowseComp(path=str(packed)).tasks()
    binary = tmp_path / "z.csv"
    binary.write_bytes(b"problem,answer,problem_topic,canary\n\xff,,,\n")
    with pytest.raises(ValueError, match=r"z\.csv:2: byte 0 is no UTF-8"):
        BrowseComp(path=str(binary)).tasks()
