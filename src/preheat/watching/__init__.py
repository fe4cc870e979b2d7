"""Watching other people's training scripts: what every optimizer update really used, recorded as it happens."""

from preheat.watching.verdict import Line as Line
from preheat.watching.verdict import Report as Report
from preheat.watching.verdict import Watched as Watched
from preheat.watching.verdict import read_record as read_record
from preheat.watching.verdict import report as report
from preheat.watching.verdict import run_watched as run_watched
