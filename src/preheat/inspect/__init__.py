"""Floor 2: looking at schedules before they cost anything: pre-flight checks, differences."""

from preheat.inspect.check import Finding as Finding
from preheat.inspect.check import check as check
from preheat.inspect.difference import Difference as Difference
from preheat.inspect.difference import diff as diff
