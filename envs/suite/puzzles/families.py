"""Families: all kinds of puzzles, for environments that mix them."""

from __future__ import annotations

from forethought.envs.suite.puzzles.countdown import COUNTDOWN
from forethought.envs.suite.puzzles.dates import DATES
from forethought.envs.suite.puzzles.equations import EQUATIONS
from forethought.envs.suite.puzzles.knights import KNIGHTS
from forethought.envs.suite.puzzles.listops import LISTOPS
from forethought.envs.suite.puzzles.program import PROGRAM
from forethought.envs.suite.puzzles.seating import SEATING
from forethought.envs.suite.puzzles.tolls import TOLLS

FAMILIES = (PROGRAM, EQUATIONS, COUNTDOWN, LISTOPS, KNIGHTS, DATES, TOLLS, SEATING)
KEYED = (PROGRAM, EQUATIONS, LISTOPS, DATES, SEATING)
"""Those with a line without which there is no telling the answer."""
