"""The description in the package's metadata: the README without what only a checkout has.

A package index shows the README away from its repository, where relative links and pictures lead nowhere.
"""

from __future__ import annotations

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURES = re.compile(r"^(\| *!\[.*\n\|[-|]+\n)+", re.M)  # a table of pictures, its rule below it
_CONTENTS = re.compile(r"(?<=^## Read on\n\n).*?(?=^## )", re.M | re.S)  # the list of pages
_RELATIVE = re.compile(r"\[([^\]]+)\]\((?!https?://|#)[^)]*\)")


class DescriptionHook(MetadataHookInterface):
    """Gives hatchling the description when it builds, or installs the checkout."""

    def update(self, metadata: dict[str, object]) -> None:
        """Set the field that pyproject.toml leaves open."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": description(text)}


def description(readme: str) -> str:
    """The README's text with relative links as plain words; code is left as it is."""
    where = "The pages on every part are in the source distribution, in `docs/`.\n\n"
    text = _CONTENTS.sub(where, _PICTURES.sub("", readme))
    prose_and_code = text.split("```")
    prose_and_code[::2] = (_RELATIVE.sub(r"\1", prose) for prose in prose_and_code[::2])
    return "```".join(prose_and_code)
