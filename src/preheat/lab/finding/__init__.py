"""Finding a peak learning rate: the range test, and the critical learning rate by line search, warm-up advice.

All measure on the model and the optimizer one trains with, and leave them as they were, bit for bit.
"""

from preheat.errors import missing_extra

try:
    import torch as torch
except ImportError as error:
    raise missing_extra("torch", "train") from error

from preheat.lab.finding.critical import critical_lr as critical_lr
from preheat.lab.finding.critical import critical_lr_of_update as critical_lr_of_update
from preheat.lab.finding.range_test import RangeTest as RangeTest
from preheat.lab.finding.range_test import Suggestion as Suggestion
from preheat.lab.finding.range_test import find_lr as find_lr
from preheat.lab.finding.search import CriticalLR as CriticalLR
from preheat.lab.finding.search import line_search as line_search
from preheat.lab.finding.warmup_advice import WarmupAdvice as WarmupAdvice
from preheat.lab.finding.warmup_advice import advise_warmup as advise_warmup
