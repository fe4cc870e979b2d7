"""What counting words reaches on the data of ``preheat train``: TF-IDF of words and word pairs, logistic regression.

python benchmarks/news_baseline.py            # the default BBC data
python benchmarks/news_baseline.py run.toml   # the data of a configuration file
"""

import sys

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from preheat.lab.data import load_data
from preheat.lab.training import read_config

data = load_data(read_config(sys.argv[1] if len(sys.argv) > 1 else None))
print(data.summary())
model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=1000))
model.fit([row.text for row in data.train], data.labels("train"))
for split in ("validation", "test"):
    guess = model.predict([row.text for row in data.split(split)])
    truth = data.labels(split)
    accuracy = sum(a == b for a, b in zip(guess, truth, strict=True)) / len(truth)
    print(f"{split}: accuracy {accuracy:.4f}, macro F1 {f1_score(truth, guess, average='macro'):.4f}")
