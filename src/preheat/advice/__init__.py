"""Answers about schedules: bounds before training, laws fitted to short runs, checks of finished ones.

Every answer is a frozen value that prints as its explanation: the numbers, what was assumed, what was measured of such
answers, and what they cannot say. ``to_dict()`` gives it as plain data.

>>> from preheat import advice
>>> advice.rank(["linear to 0", "hold 80% > linear to 0"], updates=1000).bounds[0].schedule
'linear to 0'
"""

from preheat.advice.early_stopping import EarlyStoppingCheck as EarlyStoppingCheck
from preheat.advice.early_stopping import Rung as Rung
from preheat.advice.early_stopping import check_early_stopping as check_early_stopping
from preheat.advice.forecasting import LossForecast as LossForecast
from preheat.advice.forecasting import forecast as forecast
from preheat.advice.gradient_norms import RefinedSchedule as RefinedSchedule
from preheat.advice.gradient_norms import from_gradient_norms as from_gradient_norms
from preheat.advice.last_iterate import Bound as Bound
from preheat.advice.last_iterate import Ranking as Ranking
from preheat.advice.last_iterate import bound as bound
from preheat.advice.last_iterate import rank as rank
from preheat.advice.laws import MultiPowerLaw as MultiPowerLaw
from preheat.advice.laws import TissueLaw as TissueLaw
from preheat.advice.optimizing import Candidate as Candidate
from preheat.advice.optimizing import Optimized as Optimized
from preheat.advice.optimizing import optimize as optimize
from preheat.advice.runs import RunLog as RunLog
from preheat.advice.runs import read_run as read_run
from preheat.advice.runs import run_log as run_log
from preheat.advice.short_runs import ShortRun as ShortRun
from preheat.advice.surfaces import FinishedRun as FinishedRun
from preheat.advice.surfaces import Surface as Surface
from preheat.advice.surfaces import fit_surface as fit_surface
from preheat.advice.transfers import LongerRun as LongerRun
from preheat.advice.transfers import Transfer as Transfer
from preheat.advice.transfers import transfer as transfer
from preheat.advice.transfers import transfer_horizon as transfer_horizon
