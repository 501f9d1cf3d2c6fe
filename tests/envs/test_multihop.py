"""MuSiQue, HotpotQA and 2Wiki: pages are searched for, and answers scored as the sets do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from real import data

from forethought.envs import Task
from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.datasets.dataset import DataMissing
from forethought.envs.datasets.hotpotqa import HotpotQA, TwoWiki
from forethought.envs.datasets.library import library, read_corpus
from forethought.envs.datasets.multihop import MultiHop, best_f1
from forethought.envs.datasets.musique import MuSiQue
from forethought.envs.play import oracle, play
from forethought.envs.portal import run_sync


def hotpot(n: int) -> dict[str, Any]:
    return {
        "_id": f"h{n}",
        "question": f"In which town was the author of Book {n} born?",
        "answer": f"The Town {n}",
        "type": "bridge",
        "level": "easy",
        "supporting_facts": [[f"Book {n}", 0], [f"Author {n}", 1]],
        "context": [
            [f"Book {n}", [f"Book {n} is a novel", f" by Author {n}."]],
            [f"Author {n}", [f"Author {n} writes.", f" She was born in Town {n}."]],
            [f"Cook {n}", [f"Cook {n} was born in Village {n}."]],
        ],
    }


def two_wiki(n: int) -> dict[str, Any]:
    more = {"evidences": [[f"Book {n}", "author", f"Author {n}"]], "answer_id": f"Q{n}"}
    return {**{k: v for k, v in hotpot(n).items() if k != "level"}, **more}


def musique(n: int) -> dict[str, Any]:
    contexts = hotpot(n)["context"]
    return {
        "id": f"2hop__{n}",
        "paragraphs": [
            {"idx": i, "title": title, "paragraph_text": "".join(text), "is_supporting": i < 2}
            for i, (title, text) in enumerate(contexts)
        ],
        "question": hotpot(n)["question"],
        "question_decomposition": [
            {
                "id": 1,
                "question": f"Book {n} >> author?",
                "answer": f"Author {n}",
                "paragraph_support_idx": 0,
            },
            {
                "id": 2,
                "question": "Where was #1 born?",
                "answer": f"Town {n}",
                "paragraph_support_idx": 1,
            },
        ],
        "answer": f"Town {n}",
        "answer_aliases": [f"T. {n}"],
        "answerable": True,
    }


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


MAKERS = {HotpotQA: hotpot, TwoWiki: two_wiki, MuSiQue: musique}


@pytest.mark.parametrize("kind", MAKERS)
def test_they_keep_the_promises_of_an_environment(tmp_path: Path, kind: type[MultiHop]) -> None:
    file = tmp_path / "questions.json"
    file.write_text(json.dumps([MAKERS[kind](n) for n in range(30)]))

    def factory(**options: Any) -> MultiHop:
        return kind(path=str(file), **options)

    report = check_env(factory, num_seeds=3)
    assert report.ok, str(report)


def begun(folder: Path, n: int = 7) -> MuSiQue:
    file = lines(folder / "musique.jsonl", [musique(each) for each in range(20)])
    env = MuSiQue(path=str(file))
    env.reset(options={"task": [*MuSiQue.load(file)][n]})
    return env


def test_the_expert_asks_the_sub_questions_and_opens_only_what_it_was_shown(tmp_path: Path) -> None:
    env = begun(tmp_path)
    actions, shown = [], ""
    while not env.over:
        actions.append(env.oracle())
        shown += env.step(actions[-1])[0]
        if "open" in actions[-1]:
            assert actions[-1].partition('"title": "')[2].partition('"')[0] in shown
    assert actions[0].startswith(
        "plan: Book 7 >> author; Where was Author 7 born; answer\n"
        + render_call("search", {"query": "Book 7 >> author?"})
    )
    assert (len(actions), env.read) == (4, {"Book 7": None, "Author 7": None})
    assert env.recall() == 1.0


@pytest.mark.parametrize(
    ("answer", "exact", "f1"),
    [
        ("town 7.", 1.0, 1.0),
        ("The Town 7", 1.0, 1.0),
        ("T. 7", 1.0, 1.0),
        ("Town 8", 0.0, 0.5),
        ("in Town 7", 0.0, 0.8),
        ("Village", 0.0, 0.0),
    ],
)
def test_an_answer_matches_but_for_case_articles_and_punctuation(
    tmp_path: Path, answer: str, exact: float, f1: float
) -> None:
    env = begun(tmp_path)
    call = render_call("submit", {"answer": answer, "confidence": 0.5})
    _, score, terminated, _, info = env.step(call)
    assert (score, terminated) == (exact, True)
    assert info["metrics"] == {
        "calibration": 0.75,
        "documents_opened": 0.0,
        "f1": pytest.approx(f1),
        "recall": 0.0,
    }


@pytest.mark.parametrize(
    ("answer", "gold", "f1"),
    [("yes", "yes", 1.0), ("yes, he is", "yes", 0.0), ("no", "no one", 0.0), ("a b", "b", 1.0)],
)
def test_yes_and_no_count_only_as_they_are(answer: str, gold: str, f1: float) -> None:
    assert best_f1(answer, (gold,)) == f1


def test_pages_are_found_opened_and_told_apart(tmp_path: Path) -> None:
    env = begun(tmp_path)
    found = env.step(render_call("search", {"query": "novel Book 7"}))[0]
    assert found.startswith("Book 7: Book 7 is a novel by Author 7.")
    assert "Author 7: Author 7 writes." in env.step(render_call("open", {"title": "author 7"}))[0]
    assert "no page named 'Author 99'" in env.step(render_call("open", {"title": "Author 99"}))[0]
    assert env.step("")[4]["format_error"]
    assert env.step("plan: guess\nTown 7")[1] == 1.0


def test_a_corpus_of_numbered_paragraphs_serves_questions_that_name_them(tmp_path: Path) -> None:
    corpus = lines(
        tmp_path / "corpus.jsonl",
        [
            {"doc_id": 0, "title": "A", "text": "A is about B."},
            {"doc_id": 1, "title": "B", "text": "B was made in 1999."},
            {"doc_id": 2, "title": "A", "text": "A again."},
        ],
    )
    row = {"id": "q", "question": "When was what A is about made?", "answer": "1999"}
    file = lines(tmp_path / "q.jsonl", [{**row, "type": "bridge", "gold_docs": [2, 1]}])
    env = HotpotQA(path=str(file), corpus=str(corpus), whole=True)
    env.reset(seed=0)
    assert env.evidence == ("A", "B")
    assert env.step(render_call("open", {"title": "A"}))[0] == "A: A is about B.\nA again."
    with pytest.raises(ValueError, match=r"q\.jsonl:1: the item has no context; pass corpus=FILE"):
        HotpotQA(path=str(file), whole=True).reset(seed=0)
    with pytest.raises(DataMissing, match=r"no file .*nowhere"):
        HotpotQA(path=str(file), corpus=str(tmp_path / "nowhere"), whole=True).reset(seed=0)
    other = lines(tmp_path / "r.jsonl", [{**row, "type": "bridge", "gold_docs": [3]}])
    with pytest.raises(ValueError, match="evidence on page 3, which is not in the corpus"):
        HotpotQA(path=str(other), corpus=str(corpus), whole=True).reset(seed=0)


BROKEN: dict[str, tuple[type[MultiHop], dict[str, Any], str]] = {
    "no answer": (HotpotQA, {**hotpot(1), "answer": None}, ":1: official.answer: Input should be"),
    "another field": (HotpotQA, {**hotpot(1), "x": 1}, ":1: official.x: Extra inputs"),
    "no support": (
        HotpotQA,
        {**hotpot(1), "supporting_facts": [["Nobody", 0]]},
        ":1: no paragraph has the supporting title 'Nobody'",
    ),
    "unanswerable": (MuSiQue, {**musique(1), "answerable": False}, ":1: answerable is false"),
    "no paragraph": (
        MuSiQue,
        {**musique(1), "paragraphs": []},
        ":1: paragraph_support_idx 0 is no paragraph's idx",
    ),
    "no such step": (
        MuSiQue,
        {**musique(1), "question_decomposition": [
            {"id": 1, "question": "#3?", "answer": "", "paragraph_support_idx": 0}
        ]},
        ":1: #3 in a sub-question stands for no answer",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "row", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_question_is_named(
    tmp_path: Path, kind: type[MultiHop], row: dict[str, Any], told: str
) -> None:
    file = lines(tmp_path / "q.jsonl", [row])
    with pytest.raises(ValueError, match=told):
        kind(path=str(file)).tasks()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"doc_id": 1, "title": "A", "text": ""}, "c.jsonl:1: doc_id is 1, but it is number 0"),
        ({"title": " ", "text": "x"}, "c.jsonl:1: title is empty"),
        ({"title": "A"}, "c.jsonl:1: text: Field required"),
    ],
    ids=["gap", "no title", "no text"],
)
def test_a_broken_corpus_is_named(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        library(lines(tmp_path / "c.jsonl", [row]), read_corpus)


def test_a_task_of_another_environment_is_refused() -> None:
    with pytest.raises(ValueError, match="task 'x' holds no work: answers: Field required"):
        MuSiQue().reset(options={"task": Task(id="x", prompt="?")})


@pytest.mark.parametrize(
    ("kind", "questions", "corpus"),
    [
        (MuSiQue, "musique_train100.jsonl", "musique_corpus1890.jsonl"),
        (HotpotQA, "hotpot_train100.jsonl", "hotpot_corpus994.jsonl"),
    ],
    ids=["musique", "hotpotqa"],
)
def test_every_question_is_answered_from_its_pages(
    kind: type[MultiHop], questions: str, corpus: str
) -> None:
    folder = data("multihop_qa")

    def factory() -> MultiHop:
        env = kind(path=str(folder / questions), corpus=str(folder / corpus), whole=True)
        assert len(env.tasks()) == 100
        return env

    async def scores() -> list[float | None]:
        return [(await play(factory, seed, oracle)).score for seed in range(100)]

    assert run_sync(scores()) == [1.0] * 100


def test_the_corpus_of_2wiki_can_be_searched() -> None:
    pages = library(data("multihop_qa") / "wiki2_corpus6119.jsonl", read_corpus)
    assert len(pages.known) == 6119
    found = [page.title for page in pages.index.search("queen of Lotharingia, of Lothair II")]
    assert "Teutberga" in found
