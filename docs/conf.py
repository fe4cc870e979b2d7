"""Sphinx configuration of the documentation: `scripts/docs` builds it into `docs/_build/html`.

The pages are the Markdown files of this folder, which read on a code host too; what can be read off the code (shapes,
dialects' names, commands, public names) is written into `docs/_generated` by the extensions beside this file, at every
build.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from docutils import nodes
from sphinx.application import Sphinx

import preheat

project = "preheat"
author = copyright = "the preheat developers"
release = version = preheat.__version__
language = "en"

extensions = [
    *("myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"),
    *("shapes", "dialect_tables", "commands", "names", "chinese"),
]
exclude_patterns = ["_build", "_extensions"]
nitpicky = True

myst_heading_anchors = 4  # links to headings are written as code hosts number them
myst_links_external_new_tab = False

# Frameworks are not needed to read docstrings, and take half a minute to import.
autodoc_mock_imports = [
    *("torch", "transformers", "accelerate", "lightning", "pytorch_lightning", "keras", "jax", "optax", "deepspeed"),
    *("datasets", "distributed", "dask", "safetensors", "tokenizers", "pyarrow", "nicegui"),
]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say types with their ranges
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes are said once, with their class
napoleon_attr_annotations = False

html_theme = "furo"
html_title = f"preheat {release}"
html_static_path = ["_static"]
html_css_files = ["preheat.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style, pygments_dark_style = "friendly", "native"


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", _trim)


def _trim(app: Sphinx, tree: nodes.document) -> None:  # noqa: ARG001 - Sphinx hands it over
    """Leaves out the empty line that ends a session at Python's prompt: without it, the examples cannot be run."""
    for block in tree.findall(nodes.literal_block):
        if block.rawsource == block.astext():  # what is not, is markup of its own
            block.rawsource = block.rawsource.rstrip("\n")
            block[:] = [nodes.Text(block.rawsource)]
