"""Synthetic headlines without end, with the class posterior of every text known exactly.

For studies in which no row comes twice and the best there is to reach is a number. Needs no torch.
"""

from preheat.train.data.synthetic.headlines import NOTICE as NOTICE
from preheat.train.data.synthetic.headlines import Headlines as Headlines
from preheat.train.data.synthetic.headlines import split_of as split_of
from preheat.train.data.synthetic.model import Ceiling as Ceiling
from preheat.train.data.synthetic.words import TOPICS as TOPICS
