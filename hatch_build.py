"""What the build does: the description in the package's metadata, and the catalogues of sentences.

The description is the README without what only a checkout has: a package index shows it away from its repository, where
relative links and pictures lead nowhere.
"""

from __future__ import annotations

import re
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
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


class CatalogueHook(BuildHookInterface):
    """Compiles the sentences of every language, for a wheel and for an editable install."""

    def initialize(self, version: str, build_data: dict[str, object]) -> None:  # noqa: ARG002 - hatchling's signature
        """A translation that does not fit its sentence fails the build."""
        loader = SourceFileLoader("messages", str(Path(self.root, "scripts", "messages")))
        script = module_from_spec(spec_from_loader("messages", loader))
        kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # or scripts/ gets a cache
        loader.exec_module(script)
        sys.dont_write_bytecode = kept
        script.compile_all()


def description(readme: str) -> str:
    """The README's text with relative links as plain words; code is left as it is."""
    where = "The pages on every part are in the source distribution, in `docs/`.\n\n"
    text = _CONTENTS.sub(where, _PICTURES.sub("", readme))
    prose_and_code = text.split("```")
    prose_and_code[::2] = (_RELATIVE.sub(r"\1", prose) for prose in prose_and_code[::2])
    return "```".join(prose_and_code)
