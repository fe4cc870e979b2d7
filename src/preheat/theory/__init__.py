"""Floor 2: answers about schedules: bounds before training, laws fitted to runs, a problem whose truth is known."""

from preheat.theory.forecast import LossForecast as LossForecast
from preheat.theory.forecast import forecast as forecast
from preheat.theory.laws.multi_power import MultiPowerLaw as MultiPowerLaw
from preheat.theory.laws.tissue import TissueLaw as TissueLaw
from preheat.theory.probes import Probe as Probe
from preheat.theory.probes import probe as probe
from preheat.theory.quadratic import Quadratic as Quadratic
from preheat.theory.quadratic import Tuned as Tuned
from preheat.theory.refine import Refined as Refined
from preheat.theory.refine import refine as refine
from preheat.theory.rungs import Rung as Rung
from preheat.theory.rungs import RungCheck as RungCheck
from preheat.theory.rungs import rung_check as rung_check
from preheat.theory.runs import RunLog as RunLog
from preheat.theory.runs import read_run as read_run
from preheat.theory.runs import run_log as run_log
from preheat.theory.score import Ranking as Ranking
from preheat.theory.score import Score as Score
from preheat.theory.score import rank_schedules as rank_schedules
from preheat.theory.score import score as score
from preheat.theory.transfer import Lengthened as Lengthened
from preheat.theory.transfer import Transfer as Transfer
from preheat.theory.transfer import lengthen as lengthen
from preheat.theory.transfer import transfer_lr as transfer_lr
