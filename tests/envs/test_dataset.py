from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel, ConfigDict

from forethought.envs.calls import render_call
from forethought.envs.card import Card
from forethought.envs.check import check_env
from forethought.envs.datasets.dataset import DataMissing, Dataset
from forethought.envs.datasets.rows import MAX_LINE, read_rows, read_text
from forethought.envs.scoring import reward
from forethought.envs.task import Split, Task, split_of


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    a: int
    b: int


class Sums(Dataset):
    card: ClassVar[Card] = Card(traits=("skills",), horizon_unit="sums", horizons=(1, 9))
    folder = "sums"
    files: ClassVar[dict[Split, str]] = {"train": "train.jsonl", "eval": "test.jsonl"}
    origin = "https://example.org/sums"
    state_fields = ()
    num_reads = 0

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        Sums.num_reads += 1
        for where, row in read_rows(file, Row):
            if row.a < 0:
                raise ValueError(f"{where}: a is not negative")
            prompt, horizon = f"{row.a}+{row.b}=?", 1 + row.a % 2
            answer = str(row.a + row.b)
            yield Task(id=f"{row.a}+{row.b}", prompt=prompt, answer=answer, horizon=horizon)

    @reward
    def right(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == self.task.answer)

    def oracle(self) -> str:
        return str(self.task.answer)


def lines(low: int = 0, high: int = 40) -> str:
    return "".join(f'{{"a": {n}, "b": {2 * n}}}\n' for n in range(low, high))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sums.jsonl"
    path.write_text(lines())
    return path


def test_whole_is_true_or_false(file: Path) -> None:
    with pytest.raises(ValueError, match="whole is true or false, not 'maybe'"):
        Sums(path=str(file), whole="maybe")  # type: ignore[arg-type]


def test_a_dataset_keeps_the_promises_of_an_environment(file: Path) -> None:
    def factory(split: Split = "train") -> Sums:
        return Sums(split=split, path=str(file))

    report = check_env(factory, num_seeds=3)
    assert report.ok, report


def test_consecutive_seeds_give_every_task_once(file: Path) -> None:
    env = Sums(split="eval", path=str(file))
    tasks = env.tasks()
    drawn = []
    for seed in range(1_000_000, 1_000_000 + len(tasks)):
        env.reset(seed=seed)
        drawn.append(env.task.id)
    assert sorted(drawn) == sorted(task.id for task in tasks)
    assert len(set(drawn)) == len(drawn) > 2


def test_one_file_is_split_by_content_and_whole_takes_all_of_it(file: Path) -> None:
    train, held_out = (Sums(split=split, path=str(file)).tasks() for split in ("train", "eval"))
    assert {split_of(task) for task in train} == {"train"}
    assert {split_of(task) for task in held_out} == {"eval"}
    whole = Sums(split="eval", path=str(file), whole=True)
    assert len(whole.tasks()) == 40 == len(train) + len(held_out)
    whole.reset(seed=3)
    assert (whole.task.split, whole.task.seed) == ("eval", 3)


def test_the_sets_own_files_are_the_splits_where_both_are_there(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(lines(0, 5))
    (tmp_path / "test.jsonl.gz").write_bytes(gzip.compress(lines(5, 9).encode()))
    ids = {split: {t.id for t in Sums(split=split, path=str(tmp_path)).tasks()} for split in SPLITS}
    assert ids == {
        "train": {"0+0", "1+2", "2+4", "3+6", "4+8"},
        "eval": {"5+10", "6+12", "7+14", "8+16"},
    }


SPLITS: tuple[Split, ...] = ("train", "eval")


def test_a_horizon_takes_the_tasks_that_have_it(file: Path) -> None:
    tasks = Sums(path=str(file), horizon=2).tasks()
    assert {task.horizon for task in tasks} == {2}
    with pytest.raises(ValueError, match=r"no task of horizon 5 .* horizons are 1 to 2 \(sums\)"):
        Sums(path=str(file), horizon=5).tasks()


def test_a_file_is_read_when_it_is_needed_and_only_once(file: Path) -> None:
    before = Sums.num_reads
    envs = [Sums(path=str(file)) for _ in range(3)]
    assert Sums.num_reads == before
    for env in envs:
        env.reset(seed=1)
    assert Sums.num_reads == before + 1


def test_the_folder_of_all_data_can_be_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sums").mkdir()
    (tmp_path / "sums" / "train.jsonl").write_text(lines())
    monkeypatch.setenv("FORETHOUGHT_DATA", str(tmp_path))
    assert len(Sums(whole=True).tasks()) == 40
    assert [need.missing() for need in Sums.needs()] == [None]
    monkeypatch.delenv("FORETHOUGHT_DATA")
    assert "needs the data set sums" in str(Sums.needs()[0].missing())
    with pytest.raises(DataMissing, match="no path was given and FORETHOUGHT_DATA is not set"):
        Sums().tasks()


def test_a_missing_file_says_which_where_and_whence(tmp_path: Path) -> None:
    told = r"no file train\.jsonl or test\.jsonl in .*; get train\.jsonl or test\.jsonl from https"
    with pytest.raises(DataMissing, match=told):
        Sums(path=str(tmp_path)).reset(seed=0)
    with pytest.raises(DataMissing, match=r"no file or folder .*nowhere"):
        Sums(path=str(tmp_path / "nowhere")).tasks()
    (tmp_path / "train.jsonl").write_text(lines())
    with pytest.raises(DataMissing, match=r"no file .*other\.json"):
        Sums(path=str(tmp_path)).beside("other.json")


def tar() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../etc/passwd"))
    return packed.getvalue()


GOOD = b'{"a": 1, "b": 2}\n'
BAD = {
    "a field is missing": (GOOD + b'{"a": 1}\n', r":2: b: Field required"),
    "a field is unknown": (b'{"a": 1, "b": 2, "c": 3}', r":1: c: Extra inputs"),
    "a value is of another type": (b'{"a": "x", "b": 2}', r":1: a: Input should be"),
    "no JSON": (GOOD + b"nonsense\n", r":2: Invalid JSON"),
    "cut off": (GOOD + GOOD[:9], r":2: Invalid JSON"),
    "nested without end": (b'{"a": ' + b"[" * 100_000, r":1: Invalid JSON: recursion limit"),
    "no UTF-8": (GOOD + b'{"a": 1, "b": "\xff"}\n', r":2: byte 15 is no UTF-8"),
    "a long line": (GOOD + b" " * (MAX_LINE + 1), r":2: the line is longer than 16 MiB"),
    "a cut gzip": (gzip.compress(GOOD * 999)[:-9], r"a broken gzip file"),
    "a spoilt gzip": (gzip.compress(GOOD)[:12] + b"\xff" * 30, r"a broken gzip file"),
    "a pickle": (pickle.dumps({"a": 1}), r"it is a pickle"),
    "a packed pickle": (gzip.compress(pickle.dumps({"a": 1})), r"it is a pickle"),
    "a tar that climbs": (tar(), r"it is a tar archive"),
    "a zip": (b"PK\x03\x04rest", r"it is a zip archive"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\n", r"a Git LFS pointer"),
    "a web page": (b"<!DOCTYPE html>", r"it is a web page"),
    "an array with a broken item": (b'[{"a": 1, "b": 2}, {"a": 1}]', r"\[1\]: b: Field required"),
    "half an array": (b'[{"a": 1, "b": 2},', r"Invalid JSON"),
    "nothing": (b"", r"it holds no task"),
    "the same twice": (GOOD + GOOD, r"id '1\+2' occurs twice"),
    "a row that makes no sense": (GOOD + b'{"a": -1, "b": 2}', r":2: a is not negative"),
}


@pytest.mark.parametrize(("content", "told"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_with_its_line_and_reason(
    tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "sums.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=told) as refused:
        Sums(path=str(path)).tasks()
    assert str(refused.value).startswith(str(path))


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("is_array", [False, True], ids=["lines", "array"])
def test_rows_are_read_from_lines_and_arrays(tmp_path: Path, packed: bool, is_array: bool) -> None:
    rows = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    text = json.dumps(rows, indent=1) if is_array else "\n\n".join(map(json.dumps, rows))
    path = tmp_path / "rows"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    found = list(read_rows(path, Row))
    assert [row for _, row in found] == [Row(a=1, b=2), Row(a=3, b=4)]
    assert found[1][0] == (f"{path}[1]" if is_array else f"{path}:3")


def test_a_text_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.md"
    path.write_text("be kind\n")
    assert read_text(path) == "be kind\n"
    with pytest.raises(ValueError, match="longer than 0 MiB"):
        read_text(path, max_bytes=4)


def test_a_dataset_is_played_like_any_environment(file: Path) -> None:
    env = Sums(path=str(file))
    env.reset(seed=0)
    assert env.step(render_call("sum", {}))[1] == 0.0
    assert env.step(env.oracle())[1] == 1.0
