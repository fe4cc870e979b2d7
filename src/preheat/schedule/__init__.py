"""Floor 0: the schedule as a value. Standard library only; NumPy when an array comes in."""

from preheat.schedule.base import Schedule as Schedule
from preheat.schedule.builders import cosine as cosine
from preheat.schedule.builders import decay as decay
from preheat.schedule.builders import hold as hold
from preheat.schedule.builders import linear as linear
from preheat.schedule.builders import untuned_warmup as untuned_warmup
from preheat.schedule.builders import warmup as warmup
from preheat.schedule.combine import maximum as maximum
from preheat.schedule.combine import minimum as minimum
from preheat.schedule.factors import absolute as absolute
from preheat.schedule.files import load_schedule as load_schedule
from preheat.schedule.files import save_schedule as save_schedule
from preheat.schedule.function import from_function as from_function
from preheat.schedule.lengths import Length as Length
from preheat.schedule.lengths import epochs as epochs
from preheat.schedule.lengths import fraction as fraction
from preheat.schedule.lengths import samples as samples
from preheat.schedule.lengths import tokens as tokens
from preheat.schedule.lengths import updates as updates
from preheat.schedule.metric import greedy as greedy
from preheat.schedule.metric import plateau as plateau
from preheat.schedule.named import SCHEDULE_NAMES as SCHEDULE_NAMES
from preheat.schedule.named import get_schedule as get_schedule
from preheat.schedule.phases import Phase as Phase
from preheat.schedule.sequence import PhaseSchedule as PhaseSchedule
from preheat.schedule.text import parse as parse
