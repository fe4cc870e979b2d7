"""What a run shows while it runs and when it is done: callbacks, trackers, and the HTML report. No torch here."""

from preheat.train.reporting.report import write_report as write_report
