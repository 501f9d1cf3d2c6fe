"""An image that is missing is made once, however many want it at the same time."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from forethought.sandbox.engine import connect
from forethought.sandbox.images.provide import load
from forethought.sandbox.images.tree import Tree, docker_archive

pytestmark = pytest.mark.docker


def test_two_who_need_the_same_image_make_it_once() -> None:
    reference = f"forethought-test:{secrets.token_hex(8)}"
    num_made, both = 0, threading.Barrier(2)

    def make() -> bytes:
        nonlocal num_made
        num_made += 1
        tree = Tree()
        tree.file("/name", reference.encode())
        return docker_archive(tree.tar(), reference=reference, config={})

    def want() -> None:
        with connect() as engine:
            both.wait(timeout=60)
            load(engine, reference, make)
            engine.inspect_image(reference)

    with ThreadPoolExecutor(2) as threads:
        for wish in [threads.submit(want) for _ in range(2)]:
            wish.result()
    with connect() as engine:
        engine.remove_image(reference)
    assert num_made == 1
