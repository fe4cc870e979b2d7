"""Floor 1: how many updates a run takes, in whose rounding, and what a change of batch does to it."""

from preheat.plan.conventions import TRAINERS as TRAINERS
from preheat.plan.plan import Plan as Plan
from preheat.plan.replan import Replanned as Replanned
from preheat.plan.scaling import explain_scaling as explain_scaling
from preheat.plan.scaling import scale_lr as scale_lr
