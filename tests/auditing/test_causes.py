"""Every cause is whole: a hypothesis has words, a row in the docs and a sample whose sentences are spoken."""

import inspect
import re
from pathlib import Path

from preheat.auditing import causes

DOCS = Path(__file__).parents[2] / "docs" / "auditing.md"


def test_every_kind_has_words():
    """A kind that a hypothesis gives is one of ``_WORDS``, and the other way round."""
    source = inspect.getsource(causes)
    given = set(re.findall(r'Explanation\(\s*"([a-z-]+)"', source))
    assert given <= set(causes.KINDS), "src/preheat/auditing/causes.py: _WORDS"
    # Once where a hypothesis gives it and once in the table of words; "equal" is what none of them has to explain.
    assert [kind for kind in causes.KINDS if source.count(f'"{kind}"') < 2 and kind != "equal"] == []


def test_every_kind_has_a_row_in_the_docs():
    """The table of what an audit can find."""
    rows = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    told = {kind for row in rows for kind in re.findall(r"`([a-z-]+)`", row.split("|")[1])}
    assert [kind for kind in causes.KINDS if kind not in told] == [], f"{DOCS.name}: What it can find"
