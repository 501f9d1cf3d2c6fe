"""What these tests share: `desk`, `serving`, and a server that misbehaves on demand."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from serving import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as state:
        yield state
