"""Worked solutions: GSM8K's number after the mark, MATH's box, and no other text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from real import data

from forethought.envs.check import check_env
from forethought.envs.datasets.competition import Competition
from forethought.envs.datasets.dataset import Dataset
from forethought.envs.datasets.gsm8k import GSM8K
from forethought.envs.datasets.numbers import final_number, last_number, read_number
from forethought.envs.portal import run_sync


def word_problem(n: int) -> dict[str, object]:
    return {
        "question": f"Ann has {n} apples and buys twice as many. How many does she have?",
        "answer": f"She buys 2*{n} = <<2*{n}={2 * n}>>{2 * n}.\n"
        f"She has {n}+{2 * n} = <<{n}+{2 * n}={3 * n}>>{3 * n}.\n#### {3 * n:,}",
    }


def original(n: int) -> dict[str, object]:
    return {
        "problem": f"What is $\\frac{{{n}}}{{7}}$ doubled?",
        "level": "Level 2",
        "type": "Prealgebra",
        "solution": f"Double it. We get $\\boxed{{\\frac{{{2 * n}}}{{7}}}}$.",
    }


def published(n: int) -> dict[str, object]:
    return {
        "problem": f"What is {n} plus one?",
        "solution": f"It is {n + 1}.",
        "answer": str(n + 1),
        "subject": "Algebra",
        "level": 1,
        "unique_id": f"test/algebra/{n}.json",
    }


ROWS_OF_MATH = [*map(original, range(100, 120)), *map(published, range(100, 120))]


def written(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def scored(env: Dataset, reply: str) -> tuple[float, Mapping[str, Any]]:
    _, score, terminated, _, info = env.step(reply)
    assert terminated
    return score, info["metrics"]


@pytest.mark.parametrize(
    ("kind", "rows"),
    [(GSM8K, [word_problem(n) for n in range(200, 240)]), (Competition, ROWS_OF_MATH)],
    ids=["gsm8k", "math"],
)
def test_they_keep_the_promises_of_an_environment(
    tmp_path: Path, kind: type[Dataset], rows: list[dict[str, object]]
) -> None:
    file = written(tmp_path / "test.jsonl", rows)

    def factory(**options: Any) -> Dataset:
        return kind(path=str(file), **options)

    report = check_env(factory, num_seeds=4)
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("72", 72),
        (" +1,080. ", 1080),
        ("$5", 5),
        ("-$5", -5),
        ("$-5", -5),
        ("0.50", Decimal("0.5")),
        (".5", Decimal("0.5")),
        ("20%", 20),
        ("1,08", None),
        ("--5", None),
        ("-$-5", None),
        ("5 apples", None),
        ("5 or 6", None),
        ("1e3", None),
        ("1_000", None),
        ("\u0665", None),
        ("", None),
        ("9" * 200, None),
    ],
)
def test_a_number_is_read_strictly(text: str, number: int | None) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    ("reply", "strict", "lenient"),
    [
        ("2+2 is 4\n#### 4", 4, 4),
        ("#### 3\nNo, wait.\n#### 4\nDone: 5.", 4, 5),
        ("4", 4, 4),
        ("The answer is 4.", None, 4),
        ("#### 4 or 5", None, 5),
        ("1 2 3 4 5", None, 5),
        ("####\n4", None, 4),
        ("I give up.", None, None),
    ],
)
def test_only_the_number_after_the_last_mark_counts(
    reply: str, strict: int | None, lenient: int | None
) -> None:
    assert (final_number(reply), last_number(reply)) == (strict, lenient)


def test_a_word_problem_is_scored_by_its_final_number(tmp_path: Path) -> None:
    file = written(tmp_path / "train.jsonl", [word_problem(1000)])
    task = next(iter(GSM8K.load(file)))
    assert (task.horizon, task.answer) == (2, "3,000")
    for reply, score, lenient in (
        ("#### 3000", 1.0, 1.0),
        ("plan: guess\n<think>#### 1</think>\n#### $3,000.00", 1.0, 1.0),
        ("It is 3000", 0.0, 1.0),
        ("#### 3001", 0.0, 0.0),
        ("", 0.0, 0.0),
    ):
        env = GSM8K(path=str(file))
        env.reset(options={"task": task})
        found, metrics = scored(env, reply)
        assert (found, metrics["right_leniently"]) == (score, lenient), reply
    env.reset(options={"task": task})
    assert env.oracle() == (
        "plan: 2*1000=2000; 1000+2000=3000\n"
        "She buys 2*1000 = 2000.\nShe has 1000+2000 = 3000.\n#### 3,000"
    )


def test_a_competition_problem_is_scored_by_its_box(tmp_path: Path) -> None:
    file = written(tmp_path / "test.jsonl", [original(3), published(3)])
    first, second = Competition.load(file)
    assert (first.answer, first.horizon, first.difficulty) == (r"\frac{6}{7}", 2, 0.4)
    assert (second.answer, second.id, second.difficulty) == ("4", "test/algebra/3.json", 0.2)
    for reply, score, answered in (
        (r"So \boxed{6/7}", 1.0, 1.0),
        (r"\boxed{\dfrac67}", 1.0, 1.0),
        (r"\boxed{6/7} or \boxed{1}", 0.0, 1.0),
        ("It is 6/7.", 0.0, 0.0),
    ):
        env = Competition(path=str(file))
        env.reset(options={"task": first})
        found, metrics = scored(env, reply)
        assert (found, metrics["answered"]) == (score, answered), reply
    env.reset(options={"task": second})
    assert env.oracle() == "plan: Algebra; box the answer\nIt is 4.\n\\boxed{4}"


@pytest.mark.parametrize(
    ("kind", "row", "told"),
    [
        (GSM8K, {**word_problem(1), "answer": "It is 3."}, ":1: answer does not end with '####"),
        (GSM8K, {**word_problem(1), "answer": "#### three"}, ":1: answer does not end with"),
        (GSM8K, {"question": "?"}, ":1: answer: Field required"),
        (Competition, {**original(1), "solution": "?"}, ":1: neither an answer nor a"),
        (Competition, {**original(1), "hint": "?"}, ":1: hint: Extra inputs are not permitted"),
    ],
    ids=["no mark", "no number", "no answer", "no box", "another field"],
)
def test_a_row_without_an_answer_is_refused(
    tmp_path: Path, kind: type[Dataset], row: dict[str, object], told: str
) -> None:
    file = written(tmp_path / "train.jsonl", [row])
    with pytest.raises(ValueError, match=told):
        kind(path=str(file)).tasks()


def test_every_solution_of_gsm8k_scores_one_and_none_without_its_last_line() -> None:
    file = data("gsm8k") / "train.jsonl"

    async def score(reply: str, env: GSM8K) -> float:
        return (await env.astep(reply))[1]

    async def scores() -> tuple[float, float]:
        whole = cut = 0.0
        for task in GSM8K.load(file):
            env = GSM8K()
            await env.areset(options={"task": task})
            solution = env.oracle()
            whole += await score(solution, env)
            await env.areset(options={"task": task})
            cut += await score(solution.rpartition("\n")[0], env)
        return whole, cut

    assert run_sync(scores()) == (7473.0, 0.0)
