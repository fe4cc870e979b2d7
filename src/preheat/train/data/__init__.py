"""From a file or data set to batches: rows checked, three splits, tokens, an order that the seed alone fixes."""

from preheat.train.data.rows import Row as Row
from preheat.train.data.splits import SPLITS as SPLITS
from preheat.train.data.splits import NewsData as NewsData
from preheat.train.data.splits import load_data as load_data
