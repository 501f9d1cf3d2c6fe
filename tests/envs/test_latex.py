"""Answers in LaTeX: what is the same, what is not, and nothing that takes long."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest

from forethought.envs.datasets.latex import last_boxed, same_answer
from forethought.envs.datasets.rational import rational

SAME = [
    (r"\frac12", "0.5"),
    (r"\dfrac{1}{2}", "1/2"),
    (r"\frac{3}4", "0.75"),
    (r"\frac1{72}", r"\frac{1}{72}"),
    (r"-\frac{1}{2}", r"\frac{-1}{2}"),
    (r"1\frac{1}{2}", "3/2"),
    (r"2^{10}", "1024"),
    (r"\sqrt{16}", "4"),
    (r"\frac{\sqrt3}{2}", r"\frac{\sqrt{3}}{2}"),
    ("1,000", "1000"),
    ("10{,}000", "10000"),
    (r"2,\!048", "2048"),
    (".5", "0.5"),
    ("$7$.", "7"),
    ("x=5", "5"),
    (r"x \in [0,1)", "[0,1)"),
    ("f(x)=x^2", "x^2"),
    (r"\text{Evelyn}", "Evelyn"),
    (r"12\text{ cm}^2", "12"),
    (r"90^\circ", "90"),
    (r"50\%", "50"),
    (r"\$5", "5"),
    (r"\left(\frac{1}{2}, 3\right)", "(0.5,3)"),
    (r"(3, \frac{\pi}{2})", r"(3,\frac{\pi}{2})"),
    ("1,2", "2, 1"),
    (r"\{1,2\}", r"\{2,1\}"),
    (r"(-\infty,1]\cup[2,\infty)", r"[2,\infty) \cup \left(-\infty,1\right]"),
    (r"x\geq 2", r"x \ge 2"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
]
DIFFERENT = [
    ("1", "2"),
    ("-5", "5"),
    ("3x", "3"),
    ("12", "1,2"),
    ("(1,2)", "(2,1)"),
    ("(1,2)", "[1,2]"),
    ("(0,1)", "(0,1]"),
    ("(1,2)", "1,2"),
    (r"\{1,2\}", r"\{1,2,2\}"),
    ("0.33", "1/3"),
    ("x+1", "1+x"),
    (r"\sqrt{8}", r"2\sqrt{2}"),
    ("", "0"),
    (r"\frac{1}{0}", "0"),
    (r"\infty", r"-\infty"),
    ("9^{9^9}", "1"),
    ("__import__('os')", "0"),
]


@pytest.mark.parametrize(("given", "wanted"), SAME, ids=[one for one, _ in SAME])
def test_answers_are_the_same_in_any_spelling(given: str, wanted: str) -> None:
    assert same_answer(given, wanted)
    assert same_answer(wanted, given)


@pytest.mark.parametrize(("given", "wanted"), DIFFERENT, ids=[one or "-" for one, _ in DIFFERENT])
def test_other_answers_are_not(given: str, wanted: str) -> None:
    assert not same_answer(given, wanted)
    assert not same_answer(wanted, given)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2+3*4", Fraction(14)),
        ("-2^2", Fraction(-4)),
        ("(1-3)/4", Fraction(-1, 2)),
        (r"2\frac{1}{3}", Fraction(7, 3)),
        (r"\frac{\frac{1}{2}}{3}", Fraction(1, 6)),
        ("2^{-3}", Fraction(1, 8)),
        (r"\sqrt{\frac{4}{9}}", Fraction(2, 3)),
        ("0.1+0.2", Fraction(3, 10)),
        ("2^10", None),
        ("0^{-1}", None),
        (r"\sqrt{2}", None),
        ("1+", None),
        ("2x", None),
        ("10^{65}", None),
        ("(" * 30 + "1" + ")" * 30, None),
    ],
)
def test_rational_numbers_have_an_exact_value(text: str, value: Fraction | None) -> None:
    assert rational(text) == value


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (r"first \boxed{1}, so \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"$\boxed 5$.", "5"),
        (r"\fbox{x}", "x"),
        (r"\boxed{1} or \boxed{2", None),
        ("no box", None),
    ],
)
def test_the_last_box_counts(text: str, held: str | None) -> None:
    assert last_boxed(text) == held


def test_hostile_answers_take_no_time() -> None:
    began = time.process_time()
    for text in ("(" * 2000, "{" * 999 + "}" * 999, ",".join(map(str, range(600))), "9^" * 900):
        assert not same_answer(text, text[::-1] + "1")
    last_boxed(r"\boxed{" * 20_000)
    assert time.process_time() - began < 5
