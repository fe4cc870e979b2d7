"""From a file or data set to batches: rows checked, three splits, tokens, an order that the seed alone fixes."""

from preheat.lab.data.rows import SPLITS as SPLITS
from preheat.lab.data.rows import NewsData as NewsData
from preheat.lab.data.rows import Row as Row
from preheat.lab.data.rows import load_data as load_data
