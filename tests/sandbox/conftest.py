"""What these tests share: modules, and the backends that keep to a list of places."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from forethought.sandbox import Backend, backends

sys.path.insert(0, str(Path(__file__).parent))


def skipped_without_bubblewrap() -> pytest.MarkDecorator:
    (status,) = (status for status in backends() if status.name == "bwrap")
    return pytest.mark.skipif(not status.usable, reason=status.reason)


@pytest.fixture(
    params=[
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("bwrap", marks=skipped_without_bubblewrap()),
    ]
)
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param  # type: ignore[no-any-return]
