"""`eval` with other models to ask, prices, money limits and an effort that is asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from terminal import result, run

from forethought.arguments import minds, prices

sys.path.insert(0, str(Path(__file__).parents[1] / "agents"))

from serving import chat, serving

QUIZ = '''
from forethought.envs import Card, Env, Task, register, reward
from forethought.envs.granted import MIND_TOOLS


class Quiz(Env):
    """Capitals, with help."""

    card = Card(traits=("calibration",), horizon_unit="questions", horizons=(1, 1))
    grants = MIND_TOOLS

    def make_task(self, rng, *, horizon):
        number = int(rng.integers(1 << 30))
        return Task(id=str(number), prompt="Capital of France?", answer="Paris",
                    data={"number": number})

    @reward
    def right(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == self.task.answer)


register("mine/minds-quiz-v0", Quiz)
'''
ASK = (
    '<tool_call>{"name": "ask", "arguments": {"prompts": ["Capital?"], "mind": "big"}}</tool_call>'
)


@pytest.fixture
def quiz(tmp_path: Path) -> tuple[str, ...]:
    """The arguments of an evaluation whose agent asks the mind `big` and says Paris."""
    (tmp_path / "quiz_of_minds.py").write_text(QUIZ, encoding="utf-8")
    script = tmp_path / "asks.txt"
    script.write_text(f"{ASK}\nParis\n", encoding="utf-8")
    env = f"{tmp_path / 'quiz_of_minds.py'}:mine/minds-quiz-v0"
    return ("eval", "--env", env, "--model", f"scripted:{script}", "-n", "2")


def test_a_bigger_model_is_asked_over_http_and_charged(
    quiz: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as server:
        server.replies = [chat("Paris", tokens=2)]
        found = result(
            capsys,
            *quiz,
            "--mind",
            f"big={server.url}#giant",
            "--price",
            "big=1,1000000",
            "--effort",
            "50",
            "--out",
            str(tmp_path / "run"),
        )
        assert [request["model"] for request in server.requests] == ["giant"] * 6
    assert found["success"] == 1.0
    work = found["work"]
    assert isinstance(work, dict)
    assert work["cost_mean"] == pytest.approx(3 * 2, abs=0.01)
    assert (work["calls_mean"], work["critical_calls_mean"]) == (5.0, 3.0)
    lengths = (len(ASK) + 1, len("Paris") + 1)
    assert work["effort_error_mean"] == pytest.approx(sum(abs(n - 50) / 50 for n in lengths) / 2)
    assert work["effort_followed_mean"] == 0.0
    (one, _, three) = found["votes_by_n"]  # type: ignore[misc]
    assert (one["mean"], three["majority"], three["num_questions"]) == (1.0, 1.0, 2)
    report = result(capsys, "report", str(tmp_path / "run"))["report"]
    html = Path(str(report)).read_text(encoding="utf-8")
    assert "What more parallel calls give" in html
    assert "50 tokens a reply asked for" in html
    assert "Model calls in a row" in html
    assert result(capsys, "view", str(tmp_path / "run"))["view"]


def test_an_episode_without_the_money_to_ask_goes_on_without(
    quiz: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mind = tmp_path / "big.txt"
    mind.write_text("Paris\n", encoding="utf-8")
    arguments = ("--mind", f"big=scripted:{mind}", "--price", "big=0,1000000")
    found = result(capsys, *quiz, *arguments, "--limit", "money=2.5")
    assert found["success"] == 1.0
    assert found["tool_error_rate"] == 1.0
    assert found["work"]["cost_mean"] is None  # type: ignore[index,call-overload]


def test_a_run_is_resumed_with_the_minds_it_had(
    quiz: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mind = tmp_path / "big.txt"
    mind.write_text("Paris\n", encoding="utf-8")
    out = ("--out", str(tmp_path / "run"))
    result(capsys, *quiz, *out, "--mind", f"big=scripted:{mind}")
    code, _, err = run(capsys, *quiz, *out, "--resume")
    assert code == 2
    assert "holds the run of another plan (minds" in err


@pytest.mark.parametrize("pair", ["big", "=m", "big=", "1big=m"])
def test_a_mind_has_a_name_and_a_model(pair: str) -> None:
    with pytest.raises(ValueError, match="should read NAME=M"):
        minds([pair])


def test_two_minds_have_two_names() -> None:
    assert minds(["a=oracle", "b=http://h/v1#m"]) == {"a": "oracle", "b": "http://h/v1#m"}
    with pytest.raises(ValueError, match="there is another mind of that name"):
        minds(["a=oracle", "a=floor"])


def test_a_price_is_of_the_model_or_of_a_mind() -> None:
    found = prices(["0.5,2", "big=1,10"], model="small", minds={"big": "m"})
    assert {name: (p.prompt, p.completion) for name, p in found.items()} == {
        "small": (0.5, 2.0),
        "big": (1.0, 10.0),
    }


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("1", "should read IN,OUT or NAME=IN,OUT"),
        ("a,b", "should read IN,OUT"),
        ("1,2,3", "should read IN,OUT"),
        ("bog=1,2", "no mind named 'bog'; there are: big"),
        ("-1,2", "a price per million tokens is a number from 0 on"),
    ],
)
def test_other_prices_are_refused(pair: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prices([pair], model="small", minds={"big": "m"})
