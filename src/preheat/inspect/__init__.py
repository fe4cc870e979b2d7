"""Floor 2: looking at schedules before they cost anything, and at runs after: checks, differences, audits."""

from preheat.inspect.auditing import Audit as Audit
from preheat.inspect.auditing import audit as audit
from preheat.inspect.auditing import recognise_log as recognise_log
from preheat.inspect.check import Finding as Finding
from preheat.inspect.check import check as check
from preheat.inspect.difference import Difference as Difference
from preheat.inspect.difference import diff as diff
from preheat.inspect.logs import read_log as read_log
from preheat.inspect.resuming import Forecast as Forecast
from preheat.inspect.resuming import forecast_resume as forecast_resume
