"""What a run shows while it runs and when it is done: callbacks, trackers, HTML report. Only trackers need torch."""

from preheat.train.reporting.callbacks import Callback as Callback
from preheat.train.reporting.callbacks import Callbacks as Callbacks
from preheat.train.reporting.callbacks import StopRun as StopRun
from preheat.train.reporting.report import write_report as write_report
from preheat.train.reporting.trackers import Trackers as Trackers
