"""Learning rates as logged, held against a plan or recognized by themselves."""

from preheat.auditing.audits import Audit as Audit
from preheat.auditing.audits import Finding as Finding
from preheat.auditing.audits import audit as audit
from preheat.auditing.audits import clock_finding as clock_finding
from preheat.auditing.audits import recognise_log as recognise_log
from preheat.auditing.recognition import Recognized as Recognized
