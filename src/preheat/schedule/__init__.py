"""Floor 0: the schedule as a value. Standard library only; NumPy when an array comes in."""

from preheat.schedule.base import Schedule as Schedule
from preheat.schedule.checks import Length as Length
from preheat.schedule.named import SCHEDULE_NAMES as SCHEDULE_NAMES
from preheat.schedule.named import get_schedule as get_schedule
from preheat.schedule.phases import Phase as Phase
from preheat.schedule.sequence import PhaseSchedule as PhaseSchedule
