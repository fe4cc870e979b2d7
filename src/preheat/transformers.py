"""``preheat.transformers``: Hugging Face's Trainer."""

from preheat.frameworks.transformers import use as use
