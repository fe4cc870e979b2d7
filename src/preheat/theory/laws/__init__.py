"""Loss curves as laws of their learning rates, and their fit to runs."""

from preheat.theory.laws.fit import LAWS as LAWS
from preheat.theory.laws.fit import Fitted as Fitted
from preheat.theory.laws.fit import fit as fit
from preheat.theory.laws.multi_power import MultiPowerLaw as MultiPowerLaw
from preheat.theory.laws.rates import Changes as Changes
from preheat.theory.laws.rates import changes as changes
from preheat.theory.laws.tissue import TissueLaw as TissueLaw
