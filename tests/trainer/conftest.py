"""What these tests share, beside them and beside the agents' tests, and one whole run."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "agents"))
sys.path.insert(0, str(Path(__file__).parent))

from runs import Listening, run_config

from forethought.trainer.config import RunConfig
from forethought.trainer.run import execute


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """A run that nothing interrupted."""
    config = run_config(tmp_path_factory.mktemp("runs") / "straight")
    execute(config, resume=False, progress=Listening())
    return config
