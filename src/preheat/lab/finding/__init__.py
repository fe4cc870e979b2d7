"""Finding a peak learning rate: the range test, the critical learning rate by line search, warm-up advice.

All measure on the model and the optimizer one trains with, and leave them as they were, bit for bit.
"""

from __future__ import annotations

from preheat._faces import face
from preheat.errors import missing_extra

TYPE_CHECKING = False  # typing's own is dear to load; type checkers know the name
if TYPE_CHECKING:
    from preheat.lab.finding.critical import critical_lr as critical_lr
    from preheat.lab.finding.critical import critical_lr_of_update as critical_lr_of_update
    from preheat.lab.finding.range_test import RangeTest as RangeTest
    from preheat.lab.finding.range_test import Suggestion as Suggestion
    from preheat.lab.finding.range_test import find_lr as find_lr
    from preheat.lab.finding.rehearsal import advise_warmup_of_run as advise_warmup_of_run
    from preheat.lab.finding.rehearsal import find_lr_of_run as find_lr_of_run
    from preheat.lab.finding.search import CriticalLR as CriticalLR
    from preheat.lab.finding.search import line_search as line_search
    from preheat.lab.finding.warmup_advice import WarmupAdvice as WarmupAdvice
    from preheat.lab.finding.warmup_advice import advise_warmup as advise_warmup

# Where each name lives; modules load when a name of theirs is first used.
_HOMES: dict[str, str] = {
    **dict.fromkeys(("RangeTest", "Suggestion", "find_lr"), "preheat.lab.finding.range_test"),
    **dict.fromkeys(("critical_lr", "critical_lr_of_update"), "preheat.lab.finding.critical"),
    **dict.fromkeys(("CriticalLR", "line_search"), "preheat.lab.finding.search"),
    **dict.fromkeys(("WarmupAdvice", "advise_warmup"), "preheat.lab.finding.warmup_advice"),
    **dict.fromkeys(("advise_warmup_of_run", "find_lr_of_run"), "preheat.lab.finding.rehearsal"),
}

__all__ = [*_HOMES]  # noqa: PLE0604 - names, every one


def _need_torch() -> None:
    """Its absence is told before anything of ours asks for it."""
    try:
        import torch  # noqa: F401 - asked for only
    except ImportError as error:
        raise missing_extra("torch", "train") from error


__getattr__, __dir__ = face(__name__, _HOMES, before=_need_torch)
