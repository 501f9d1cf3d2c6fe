"""Models by name."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import anyio
import pytest
from desk import Desk

from forethought.agents.engines.engine import Sampling
from forethought.agents.engines.http import HTTPEngine
from forethought.agents.engines.models import open_model
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.templates.template import ByteTemplate


def replies(name: str, count: int) -> list[str]:
    async def main() -> list[str]:
        env = Desk()
        await env.areset(seed=0)
        model = open_model(name)
        engine = model.engine(env)
        found = [await engine.generate([], Sampling(max_tokens=99)) for _ in range(count)]
        await model.aclose()
        return [engine.template.decode(list(completion.ids)) for completion in found]

    return anyio.run(main)


def test_the_oracle_is_the_environments() -> None:
    assert replies("oracle", 2) == ["42", "42"]


def test_the_floor_is_the_environments() -> None:
    assert all(reply.isdigit() for reply in replies("floor", 3))


def test_a_script_is_one_reply_a_line(tmp_path: Path) -> None:
    path = tmp_path / "replies.txt"
    path.write_text("first\n\nsecond\n", encoding="utf-8")
    assert replies(f"scripted:{path}", 3) == ["first", "second", "second"]


def test_a_script_of_json_strings_may_hold_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text('"two\\nlines"\n"ü"\n', encoding="utf-8")
    assert replies(f"scripted:{path}", 2) == ["two\nlines", "ü"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('"a"\n{oops\n', r"replies\.jsonl:2: not JSON"),
        ('"a"\n5\n', r"replies\.jsonl:2: each line is a JSON string, not 5"),
        ("\n", "is empty"),
    ],
    ids=["garbage", "number", "empty"],
)
def test_a_broken_script_is_named(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=problem):
        open_model(f"scripted:{path}")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("orcale", "no model named 'orcale'; did you mean 'oracle'"),
        ("gpt", "there are: oracle, floor, smollm2, scripted:FILE"),
        ("/no/such/folder/at/all", "no model named"),
        ("scripted:/no/such/file", "no file '/no/such/file'"),
        ("http://localhost/v1", "which one"),
        ("http://#m", "'http://' is no address"),
        ("vllm:http://localhost:1/v1", "which one"),
        ("vllm:http://localhost:1/v1#m", "localhost:1/v1/models: .*is the server running"),
        ("", "no model named ''"),
    ],
)
def test_a_name_that_is_none_says_what_to_do(name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        open_model(name)


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_vllm_that_is_not_installed_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"needs vllm; run: pip install 'forethought\[vllm\]'"):
        open_model("vllm:some/path")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the folder holds no config\.json"):
        open_model(str(tmp_path))


def test_a_server_is_named_by_its_address_and_the_model_after_the_hash() -> None:
    async def main() -> None:
        model = open_model("http://localhost:1/v1#org/name")
        engine = model.engine(Desk())
        assert isinstance(engine, HTTPEngine)
        assert (engine.model, engine.client.base_url) == ("org/name", "http://localhost:1/v1")
        await model.aclose()

    anyio.run(main)


def test_a_script_cannot_be_one_string_or_nothing() -> None:
    with pytest.raises(ValueError, match="a script is a function or a list of replies, not 'ab'"):
        ScriptedEngine("ab")
    with pytest.raises(ValueError, match=r"not \[\]"):
        ScriptedEngine([])


def test_a_scripted_reply_ends_with_the_templates_stop_token_or_is_cut() -> None:
    async def main() -> None:
        engine = ScriptedEngine(lambda n: "ab" * n)
        empty = await engine.generate([], Sampling(max_tokens=3))
        assert (empty.ids, empty.finish) == ((257,), "stop")
        whole = await engine.generate([], Sampling(max_tokens=3))
        assert (whole.ids, whole.logprobs, whole.finish) == ((97, 98, 257), (0.0,) * 3, "stop")
        cut = await engine.generate([], Sampling(max_tokens=3))
        assert (ByteTemplate().decode(list(cut.ids)), cut.finish) == ("aba", "length")

    anyio.run(main)
