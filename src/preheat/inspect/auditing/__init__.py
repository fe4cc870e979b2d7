"""Learning rates as logged, held against a plan or recognised by themselves."""

from preheat.inspect.auditing.audit import Audit as Audit
from preheat.inspect.auditing.audit import audit as audit
from preheat.inspect.auditing.audit import recognise_log as recognise_log
from preheat.inspect.auditing.explain import clock_finding as clock_finding
from preheat.inspect.auditing.finding import Finding as Finding
from preheat.inspect.auditing.recognise import Recognised as Recognised
