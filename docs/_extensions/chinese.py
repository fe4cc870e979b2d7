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
    for text in [*tree.findall(nodes.Text)]:
        if not isinstance(text.parent, nodes.literal_block):
            joined = _BREAK.sub("", str(text))
            if joined != str(text):
                text.parent.replace(text, nodes.Text(joined))
