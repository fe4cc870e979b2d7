"""The one script of a report with charts to look into, and their data, both as a page can hold them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from preheat.view.echarts_library import echarts_library

_LICENCE = (
    "/* Apache ECharts (echarts.apache.org), under the Apache License 2.0; then preheat's own lines, under MIT. */"
)


@dataclass(frozen=True, slots=True)
class Script:
    """A module script.

    Attributes:
        text: what stands between its tags.
    """

    text: str

    @property
    def digest(self) -> str:
        """As a content policy names it, which lets this text run and no other.

        >>> Script("draw()").digest
        'sha256-jm3FkV4tNIdBUr8jRVVl5n9PUixlaxTWD0pdpFiSH5A='
        """
        return "sha256-" + base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode()


def chart_script() -> Script | None:
    """The library and what draws with it; None where there is no library."""
    found = echarts_library()
    if found is None:
        return None
    library, name = found
    own = (resources.files("preheat.view.report") / "charts.js").read_text(encoding="utf-8")
    return Script(f"{_LICENCE}\n{library}\n({own})({name});\n")


def as_data(options: Mapping[str, Any]) -> str:
    r"""Plain data as the text of a data element; nothing in it can end the element or begin another.

    >>> as_data({"name": "</script><!-- & é"})
    '{"name":"\\u003c/script\\u003e\\u003c!-- \\u0026 \\u00e9"}'
    """
    text = json.dumps(options, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
