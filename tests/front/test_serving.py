"""`forethought serve`: what goes wrong before anybody is served."""

from __future__ import annotations

import socket

import pytest
from terminal import BLOCKS

from forethought.cli import main


def test_a_port_that_is_taken_is_told_with_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("websockets")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["serve", BLOCKS, "--port", str(port)]) == 2
    told = f"cannot listen on port {port} of 127.0.0.1 (Address already in use); take another"
    printed = capsys.readouterr().err
    assert told in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sessions", "0"], "--sessions is at least 1, not 0"),
        (["--horizon", "2,3"], "serve takes one horizon, not '2,3'"),
    ],
)
def test_wrong_use_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", BLOCKS, *arguments]) == 2
    assert capsys.readouterr().err == f"forethought: {told}\n"
