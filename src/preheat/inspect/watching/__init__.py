"""Watching other people's training scripts: what every optimizer update really used, recorded as it happens."""

from preheat.inspect.watching.record import Line as Line
from preheat.inspect.watching.record import Watched as Watched
from preheat.inspect.watching.record import read_record as read_record
from preheat.inspect.watching.run import run_watched as run_watched
from preheat.inspect.watching.verdict import Report as Report
from preheat.inspect.watching.verdict import report as report
