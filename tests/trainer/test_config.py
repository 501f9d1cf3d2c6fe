"""What a run is told: TOML, overrides, and one clear line for each mistake."""

from __future__ import annotations

import re
from operator import attrgetter
from pathlib import Path

import pytest

from forethought.agents.budget import Limits
from forethought.trainer.config import RLConfig, RunConfig, read_config

SOUND = """
model = "tiny"
out = "runs/a"
[tasks]
env = "forethought/blocksworld-v0"
horizons = [2, 4]
[limits]
turns = 6
[rl]
steps = 20
"""


def read(folder: Path, text: str, *overrides: str) -> RunConfig:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return read_config(path, overrides)


def test_a_file_gives_a_config_with_defaults_for_the_rest(tmp_path: Path) -> None:
    config = read(tmp_path, SOUND)
    assert (config.model, config.out, config.tasks.horizons) == ("tiny", Path("runs/a"), (2, 4))
    assert config.limits == Limits(turns=6)
    assert config.rl == RLConfig(steps=20)
    assert (config.sft, config.filter, config.evaluation.tasks) == (None, None, 64)


@pytest.mark.parametrize(
    ("word", "name", "expected"),
    [
        ("rl.steps=3", "rl.steps", 3),
        ("rl.learning_rate=2e-5", "rl.learning_rate", 2e-5),
        ("rl.loss=cispo", "rl.loss", "cispo"),
        ('rl.corrections=["tis", "icepop"]', "rl.corrections", ("tis", "icepop")),
        ("tasks.horizons=[3]", "tasks.horizons", (3,)),
        ("tasks.options.oracle_moves=2", "tasks.options", {"oracle_moves": 2}),
        ("limits.seconds=1.5", "limits.seconds", 1.5),
        ("out=runs/b=c", "out", Path("runs/b=c")),
        ("evaluation.base=false", "evaluation.base", False),
        ("compress=offload", "compress", "offload"),
        ("nudge=false", "nudge", False),
    ],
    ids=str,
)
def test_a_word_on_the_command_line_wins(
    tmp_path: Path, word: str, name: str, expected: object
) -> None:
    config = read(tmp_path, SOUND, word)
    assert attrgetter(name)(config) == expected


def test_a_word_can_open_a_section_that_the_file_leaves_out(tmp_path: Path) -> None:
    config = read(tmp_path, SOUND, "sft.steps=5")
    assert config.sft is not None
    assert config.sft.steps == 5


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("model = ", [], "run.toml: not valid TOML: Invalid value (at end of document)"),
        (SOUND + "stepz = 3", [], "run.toml: unknown key 'rl.stepz'; did you mean 'steps'?"),
        (SOUND, ["seeed=3"], "run.toml: unknown key 'seeed'; did you mean 'seed'?"),
        (SOUND, ["rl.xyz=3"], "run.toml: unknown key 'rl.xyz'; there are: steps, groups, "),
        (SOUND, ["limits.turnz=3"], "unknown key 'limits.turnz'; did you mean 'turns'?"),
        (SOUND, ["rl.steps=many"], "rl.steps: Input should be a valid integer"),
        (SOUND, ["rl.steps=0"], "rl.steps: Input should be greater than or equal to 1"),
        (SOUND, ["limits.turns=0"], "limits: turns must be at least 1, not 0"),
        (SOUND, ["rl.loss=dappo"], "rl: no loss named 'dappo'; there are: likelihood, reinforce"),
        (SOUND, ["compress=windw"], "compress: no compressor named 'windw'; did you mean 'window'"),
        (SOUND, ["effort=9999"], "effort: an effort of 9999 tokens a reply cannot be made where a"),
        (SOUND, ["rl.estimator=x"], "rl: no estimator named 'x'; there are: centred"),
        (SOUND, ['rl.corrections=["x"]'], "rl: no correction named 'x'; there are: tis"),
        (SOUND, ["tasks.env=blocksword-v0"], "did you mean 'forethought/blocksworld-v0'?"),
        (SOUND, ["tasks.options.blocks=3"], "run.toml: tasks.options: "),
        (SOUND, ["tasks.horizons=[99999]"], "horizon 99999 is outside "),
        (SOUND, ["rl.steps"], "'rl.steps' should read key=value, for example rl.steps=20"),
        (SOUND, ["model.name=x"], "'model.name=x': model is a value, not a section"),
        ('out = "a"', [], "run.toml: tasks: Field required"),
    ],
    ids=[
        "broken TOML",
        "unknown key in the file",
        "unknown key at the top",
        "unknown key like no other",
        "unknown limit",
        "wrong type",
        "out of range",
        "impossible limit",
        "unknown loss",
        "unknown compressor",
        "effort beyond the limit of a reply",
        "unknown estimator",
        "unknown correction",
        "unknown environment",
        "unknown option of the environment",
        "horizon that the environment has not",
        "no value",
        "section that is a value",
        "missing key",
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_it(
    tmp_path: Path, text: str, overrides: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read(tmp_path, text, *overrides)
    assert "\n" not in str(caught.value)


def test_a_config_comes_back_from_the_json_that_a_run_keeps(tmp_path: Path) -> None:
    config = read(tmp_path, SOUND, "rl.corrections=['opsm']", "minutes=2.5", "sft.steps=1")
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
