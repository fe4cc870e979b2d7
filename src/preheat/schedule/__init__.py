"""The schedule as a value. Standard library only; NumPy when an array comes in.

Names load with their modules when they are first used: counting the updates of a plan needs the lengths, and none of
the forty classes of curves and schedules, which take as long as a bare interpreter to make.
"""

from preheat._faces import face

TYPE_CHECKING = False  # typing's own is dear to load; type checkers know the name
if TYPE_CHECKING:
    from preheat.schedule.base import Schedule as Schedule
    from preheat.schedule.combine import from_function as from_function
    from preheat.schedule.combine import maximum as maximum
    from preheat.schedule.combine import minimum as minimum
    from preheat.schedule.lengths import Length as Length
    from preheat.schedule.lengths import epochs as epochs
    from preheat.schedule.lengths import fraction as fraction
    from preheat.schedule.lengths import lr as lr
    from preheat.schedule.lengths import samples as samples
    from preheat.schedule.lengths import tokens as tokens
    from preheat.schedule.lengths import updates as updates
    from preheat.schedule.metric import greedy as greedy
    from preheat.schedule.metric import plateau as plateau
    from preheat.schedule.named import SCHEDULE_NAMES as SCHEDULE_NAMES
    from preheat.schedule.named import get_schedule as get_schedule
    from preheat.schedule.operations import cooldown as cooldown
    from preheat.schedule.operations import cosine as cosine
    from preheat.schedule.operations import decay as decay
    from preheat.schedule.operations import extend as extend
    from preheat.schedule.operations import hold as hold
    from preheat.schedule.operations import linear as linear
    from preheat.schedule.operations import resume as resume
    from preheat.schedule.operations import untuned_warmup as untuned_warmup
    from preheat.schedule.operations import warmup as warmup
    from preheat.schedule.sequence import Phase as Phase
    from preheat.schedule.sequence import PhaseSchedule as PhaseSchedule
    from preheat.schedule.text import load_schedule as load_schedule
    from preheat.schedule.text import parse as parse
    from preheat.schedule.text import save_schedule as save_schedule

_HOMES = {
    **dict.fromkeys(("Schedule",), "preheat.schedule.base"),
    **dict.fromkeys(("from_function", "maximum", "minimum"), "preheat.schedule.combine"),
    **dict.fromkeys(("Length", "epochs", "fraction", "lr", "samples", "tokens", "updates"), "preheat.schedule.lengths"),
    **dict.fromkeys(("greedy", "plateau"), "preheat.schedule.metric"),
    **dict.fromkeys(("SCHEDULE_NAMES", "get_schedule"), "preheat.schedule.named"),
    **dict.fromkeys(
        ("cooldown", "cosine", "decay", "extend", "hold", "linear", "resume", "untuned_warmup", "warmup"),
        "preheat.schedule.operations",
    ),
    **dict.fromkeys(("Phase", "PhaseSchedule"), "preheat.schedule.sequence"),
    **dict.fromkeys(("load_schedule", "parse", "save_schedule"), "preheat.schedule.text"),
}

__all__ = [*_HOMES]  # noqa: PLE0604 - names, every one

__getattr__, __dir__ = face(__name__, _HOMES)
