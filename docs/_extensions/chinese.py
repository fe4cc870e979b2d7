"""Lines of a Chinese paragraph are joined without the blank that joins English ones."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

_SIGN = "[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"  # ideographs and full-width punctuation
_BREAK = re.compile(rf"(?<={_SIGN})\n|\n(?={_SIGN})")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("doctree-read", _join)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _join(app: Sphinx, tree: nodes.document) -> None:  # noqa: ARG001 - Sphinx hands it over
    for text in [*tree.findall(nodes.Text)]:  # a line break is often a node of its own
        if "\n" in text and not isinstance(text.parent, nodes.literal_block):
            inside = text.parent
            place = next(number for number, child in enumerate(inside.children) if child is text)
            before = inside[place - 1].astext()[-1:] if place else ""
            after = inside[place + 1].astext()[:1] if place + 1 < len(inside) else ""
            joined = _BREAK.sub("", f"{before}{text}{after}")
            inside[place] = nodes.Text(joined[len(before) : len(joined) - len(after)])
