"""What Dockerfiles build upon is found and replaced, whatever way it is written."""

from __future__ import annotations

import pytest

from forethought.sandbox.images.dockerfile import bases, substituted

CASES = {
    "plain": ("FROM python:3.12-slim\nRUN true\n", ["python:3.12-slim"]),
    "comment, case, platform": ("# FROM no\n\n from --platform=linux/amd64 a:1 as x\n", ["a:1"]),
    "stages": ("FROM a AS one\nFROM one\nFROM scratch\nCOPY --from=ONE /x /x\n", ["a"]),
    "stage by number": ("FROM a\nFROM b\nCOPY --chown=1 --from=0 /x /x\n", ["a", "b"]),
    "copied from an image": ("FROM a\nCOPY --from=tool:2 /x /x\n", ["a", "tool:2"]),
    "variables": ("ARG V=3.12\nARG W\nFROM p:${V}-s\nFROM q:$W\n", ["p:3.12-s", "q:given"]),
    "default of a variable": ("FROM p:${X:-7}\n", ["p:7"]),
    "inside of another instruction": ("FROM a\nRUN echo \\\n  FROM b\n", ["a"]),
    "another escape": ("# escape=`\nFROM a\nRUN echo `\nFROM b\nRUN c \\\nFROM d\n", ["a", "d"]),
    "digest": ("FROM a@sha256:00\n", ["a@sha256:00"]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_images_that_a_dockerfile_names(name: str) -> None:
    text, wanted = CASES[name]
    assert [base.image for base in bases(text, build_args={"W": "given"})] == wanted


def test_only_the_named_image_is_replaced() -> None:
    text = "ARG V=1\nFROM a:$V AS x\nFROM b\nCOPY --from=a:1 /f /f  # a:1\n"
    found = bases(text, build_args={})
    assert substituted(text, found, by={"a:1": "here"}) == (
        "ARG V=1\nFROM here AS x\nFROM b\nCOPY --from=here /f /f  # a:1\n"
    )
    assert substituted(text, found, by={}) == text
