"""From a file or data set to batches: rows checked, three splits, tokens, an order that the seed alone fixes."""

from __future__ import annotations

from preheat._faces import face

TYPE_CHECKING = False  # typing's own is dear to load; type checkers know the name
if TYPE_CHECKING:
    from preheat.lab.data.rows import SPLITS as SPLITS
    from preheat.lab.data.rows import NewsData as NewsData
    from preheat.lab.data.rows import Row as Row
    from preheat.lab.data.rows import load_data as load_data
    from preheat.lab.data.rows import read_rows as read_rows
    from preheat.lab.data.synthetic import Ceiling as Ceiling
    from preheat.lab.data.synthetic import Headlines as Headlines

# Where each name lives; modules load when a name of theirs is first used.
_HOMES: dict[str, str] = {
    **dict.fromkeys(("SPLITS", "NewsData", "Row", "load_data", "read_rows"), "preheat.lab.data.rows"),
    **dict.fromkeys(("Ceiling", "Headlines"), "preheat.lab.data.synthetic"),
}

__all__ = [*_HOMES]  # noqa: PLE0604 - names, every one

__getattr__, __dir__ = face(__name__, _HOMES)
