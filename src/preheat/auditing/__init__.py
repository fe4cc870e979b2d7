"""What a run's learning rate really did, from its log: held against a plan, or recognized by itself.

``logs`` reads the files, ``observed`` compares rates to the digits they are written with, ``causes`` has what may have
happened to a plan, ``recognition`` finds a schedule in a curve, ``audits`` asks them, ``report`` makes a page of it.
"""

from preheat.auditing.audits import Audit as Audit
from preheat.auditing.audits import Finding as Finding
from preheat.auditing.audits import audit as audit
from preheat.auditing.audits import clock_finding as clock_finding
from preheat.auditing.audits import recognise_log as recognise_log
from preheat.auditing.logs import Log as Log
from preheat.auditing.logs import Series as Series
from preheat.auditing.logs import read_log as read_log
from preheat.auditing.recognition import Recognized as Recognized
