"""How much is too much, with the reason: what is read from somewhere else is bounded before it is computed.

A limit is far above what anybody trains or writes, and far below what makes a machine wait. Each refusal names it.
Limits that one format alone has stand with its reader.
"""

MOST_UPDATES = 10**15
"""Of a run or a phase. Floats count exactly to 2^53, nine times as far; a GPU that made a million updates a second
would be at it for thirty years."""

MOST_AMOUNT = 10**21
"""Samples or tokens of a length: a million updates of a billion tokens each, a million times."""

MOST_DIGITS = 1_000
"""Of a number in a text. Python turns more than 4,300 into an int only after being told to, since it takes time that
grows with their square."""

MOST_LETTERS = 200_000
"""Of a schedule in words: some ten thousand phases."""

MOST_NESTED = 50
"""Schedules in schedules, brackets in brackets: far below what Python's stack holds."""

MOST_BORDERS = 10_000
"""Of a schedule's phases that are listed: those of a repetition are its cycles' times those of one cycle, and so on
inward."""

MOST_GROWING_CYCLES = 10_000
"""Cycles of growing length that one question goes through: each is a schedule of its own, laid out by itself."""

MOST_COMPARED = 20_000_000
"""Updates of which every one is looked at, to say that two schedules are the same: some gigabyte of numbers."""
