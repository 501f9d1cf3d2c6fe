"""Functions on text: encode, split, parse, check."""

from __future__ import annotations

import numpy as np
from pydantic import JsonValue

from forethought.envs.suite.code.functions import Choices, Family, ints, number, text

WORDS = ("a", "to", "sea", "wind", "storm", "harbour", "lighthouse")


def _sentence(rng: np.random.Generator, most: int) -> str:
    return " ".join(WORDS[number(rng, 0, 6)] for _ in range(number(rng, 0, most)))


def _settings(rng: np.random.Generator, chosen: Choices) -> list[JsonValue]:
    pairs = []
    for _ in range(number(rng, 0, 4)):
        sign = chosen["sign"] if rng.random() < 0.8 else " "
        pairs.append(f"{text(rng, 'ab ', most=3)}{sign}{text(rng, 'xy ' + chosen['sign'], most=3)}")
    return [chosen["mark"].join(pairs)]


def _duration(rng: np.random.Generator, chosen: Choices) -> list[JsonValue]:
    parts = [f"{number(rng, 0, 99)}{unit}" for unit in "dhms" if rng.random() < 0.6]
    return ["".join(parts)]


def _postfix(rng: np.random.Generator, chosen: Choices) -> list[JsonValue]:
    tokens: list[JsonValue] = [str(number(rng, 0, 9))]
    depth = 1
    for _ in range(number(rng, 0, 5)):
        tokens.append(str(number(rng, 0, 9)))
        depth += 1
        while depth > 1 and rng.random() < 0.6:
            tokens.append("+-*"[number(rng, 0, 2)])
            depth -= 1
    return [tokens]


TEXT = (
    Family(
        names=("shift_letters", "rotate_letters", "encode_letters"),
        choices={"shift": ("3", "5", "7", "11", "13", "17")},
        source='''
def $name(text):
    """Move each small letter a to z $shift places on, from z on to a; keep all else."""
    result = ""
    for letter in text:
        if letter >= "a" and letter <= "z":
            place = (ord(letter) - 97 + $shift) % 26
            result += chr(97 + place)
        else:
            result += letter
    return result
''',
        edges=(("azAZ",), ("",)),
        inputs=lambda rng, chosen: [text(rng, "abcmnxyz AZ!{`", most=9)],
    ),
    Family(
        names=("squeeze_runs", "encode_runs", "shorten_runs"),
        choices={"least": ("2", "3", "4")},
        source='''
def $name(text):
    """Write each run of $least or more equal letters as the letter and the run's length."""
    result = ""
    start = 0
    while start < len(text):
        end = start
        while end < len(text) and text[end] == text[start]:
            end += 1
        if end - start >= $least:
            result += text[start] + str(end - start)
        else:
            result += text[start:end]
        start = end
    return result
''',
        edges=(("",), ("aabbbcccc",)),
        inputs=lambda rng, chosen: [text(rng, "aab", most=14)],
    ),
    Family(
        names=("wrap_words", "break_lines", "fill_lines"),
        source='''
def $name(text, width):
    """Put words, split at spaces, on lines of at most width letters, as many on each as fit.

    A longer word has a line of its own. The lines are returned as a list.
    """
    lines = []
    line = ""
    for word in text.split():
        if line == "":
            line = word
        elif len(line) + 1 + len(word) <= width:
            line += " " + word
        else:
            lines.append(line)
            line = word
    if line != "":
        lines.append(line)
    return lines
''',
        edges=(("", 5), ("sea wind storm", 8)),
        inputs=lambda rng, chosen: [_sentence(rng, 7), number(rng, 1, 16)],
    ),
    Family(
        names=("parse_settings", "read_pairs", "parse_pairs"),
        choices={"mark": (";", ",", "|", "&"), "sign": ("=", ":")},
        source='''
def $name(text):
    """Read settings 'key${sign}value' that are separated by '$mark', as a dict of strings.

    Spaces around keys and values do not count. A part without '$sign' or without a key is passed
    over, the value begins after the first '$sign', and a key's last value is the one that counts.
    """
    settings = {}
    for part in text.split("$mark"):
        place = part.find("$sign")
        if place < 0:
            continue
        key = part[:place].strip()
        if key == "":
            continue
        settings[key] = part[place + 1:].strip()
    return settings
''',
        edges=(("",),),
        inputs=_settings,
    ),
    Family(
        names=("first_unmatched", "find_unmatched", "unmatched_bracket"),
        source='''
def $name(text):
    """Index of the first closing bracket, of () and [], that closes nothing or the wrong one.

    Without one it is the index of the last opening bracket that is never closed, and -1 if every
    bracket has its partner.
    """
    opened = []
    for place in range(len(text)):
        letter = text[place]
        if letter in "([":
            opened.append(place)
        elif letter in ")]":
            if len(opened) == 0:
                return place
            if text[opened[-1]] + letter not in ("()", "[]"):
                return place
            opened.pop()
    if len(opened) > 0:
        return opened[-1]
    return -1
''',
        edges=(("",), ("a[b]",), ("(",), ("[(a])",)),
        inputs=lambda rng, chosen: [text(rng, "([()])a", most=8)],
    ),
    Family(
        names=("longest_run", "longest_streak", "best_streak"),
        source='''
def $name(values):
    """[start, length] of the longest run of equal neighbours; the first one if there are more.

    An empty list gives [-1, 0].
    """
    best_start = -1
    best_length = 0
    start = 0
    for place in range(len(values)):
        if values[place] != values[start]:
            start = place
        length = place - start + 1
        if length > best_length:
            best_start = start
            best_length = length
    return [best_start, best_length]
''',
        edges=(([],), ([1, 1, 2, 2],)),
        inputs=lambda rng, chosen: [ints(rng, 0, 1, most=10)],
    ),
    Family(
        names=("to_seconds", "parse_duration", "duration_seconds"),
        choices={"day": ("24", "8", "12")},
        source='''
def $name(text):
    """Seconds in a duration such as '1d2h3m4s', in which parts may be missing.

    A day has $day hours.
    """
    sizes = {"d": $day * 3600, "h": 3600, "m": 60, "s": 1}
    total = 0
    digits = 0
    for letter in text:
        if letter.isdigit():
            digits = digits * 10 + int(letter)
        else:
            total += digits * sizes[letter]
            digits = 0
    return total
''',
        edges=(("",), ("1d2h3m4s",)),
        inputs=_duration,
    ),
    Family(
        names=("evaluate_postfix", "run_postfix", "postfix_values"),
        source='''
def $name(tokens):
    """What is on the stack after postfix tokens: numbers are pushed, + - * work on the top two.

    Of a - the upper of the two is taken from the lower one.
    """
    stack = []
    for token in tokens:
        if token in ("+", "-", "*"):
            right = stack.pop()
            left = stack.pop()
            if token == "+":
                stack.append(left + right)
            elif token == "-":
                stack.append(left - right)
            else:
                stack.append(left * right)
        else:
            stack.append(int(token))
    return stack
''',
        edges=(([],), (["7", "2", "-"],), (["3", "4", "*"],)),
        inputs=_postfix,
    ),
)
