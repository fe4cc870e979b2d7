"""Checkpoints of other frameworks: what they say of their schedule, and what a resume will do."""

from preheat.inspect.resuming.checkpoints import Checkpoint as Checkpoint
from preheat.inspect.resuming.checkpoints import read_checkpoint as read_checkpoint
from preheat.inspect.resuming.forecast import Forecast as Forecast
from preheat.inspect.resuming.forecast import forecast_resume as forecast_resume
