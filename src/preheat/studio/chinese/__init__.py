"""What schedules, plans, checks, audits, runs and studies say, in Chinese: a catalogue for each speaker."""

from preheat.studio.chinese.audits import AUDITS as AUDITS
from preheat.studio.chinese.checks import CHECKS as CHECKS
from preheat.studio.chinese.plans import PLANS as PLANS
from preheat.studio.chinese.runs import RUNS as RUNS
from preheat.studio.chinese.sayings import Sayings as Sayings
from preheat.studio.chinese.schedules import SCHEDULES as SCHEDULES
from preheat.studio.chinese.studies import STUDIES as STUDIES
