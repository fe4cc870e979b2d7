"""GPT-2 with layer normalisation after each sum (post-LN), as the first transformers had it.

GPT-2 normalises what goes into attention and MLP (pre-LN), and once more at its end. Here what comes out of each is
added and the sum is normalised, so that the last block's output is normalised already:

    h = ln_1(h + attention(h));  h = ln_2(h + mlp(h))

Everything else, the first weights too, is GPT-2's. Checkpoints say ``gpt2-post-norm``: transformers refuses them unless
this module is loaded, and does not take them for a GPT-2.

Source: Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture" (arXiv:2002.04745).
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, GPT2Config

from preheat.train.heads import GPT2Block, GPT2ForSequenceClassification


class PostNormGPT2Config(GPT2Config):
    """GPT-2's configuration under a name of its own."""

    model_type = "gpt2-post-norm"


class PostNormGPT2Block(GPT2Block):
    """A block that normalises its sums."""

    def forward(
        self,
        hidden_states: Any,
        past_key_values: Any = None,
        attention_mask: torch.Tensor | None = None,
        *_others: Any,
        place: torch.Tensor | None = None,
        **_more: Any,
    ) -> Any:
        """As a block of GPT-2; with ``place`` of shape (texts,) for those tokens alone: shape (texts, width)."""
        if place is None:
            attended, _ = self.attn(hidden_states, past_key_values, attention_mask=attention_mask)
            summed = self.ln_1(hidden_states + attended)
        else:
            rows = torch.arange(len(hidden_states), device=hidden_states.device)
            summed = self.ln_1(hidden_states[rows, place] + self.attended(hidden_states, rows, place))
        return self.ln_2(summed + self.mlp(summed))


class PostNormGPT2ForSequenceClassification(GPT2ForSequenceClassification):
    """The classifier on such blocks."""

    config_class = PostNormGPT2Config
    _no_split_modules = ["PostNormGPT2Block"]  # noqa: RUF012 - transformers asks for a list

    def __init__(self, config: PostNormGPT2Config) -> None:
        super().__init__(config)
        for block in self.transformer.h:
            block.__class__ = PostNormGPT2Block
        self.transformer.ln_f = torch.nn.Identity()  # type: ignore[assignment]


AutoConfig.register(PostNormGPT2Config.model_type, PostNormGPT2Config, exist_ok=True)
AutoModelForSequenceClassification.register(PostNormGPT2Config, PostNormGPT2ForSequenceClassification, exist_ok=True)
