"""GPT-2 with a classification head, computing what the head reads and nothing else.

A class is read off one token, the last of the text. So the last block is computed for that token alone: of the other
tokens it takes keys and values, and no attention, no MLP, no logits. The weights, the function and its gradients are
those of transformers' models, to rounding; dropout draws fewer numbers. Of n blocks about 0.8 / n is saved.

Texts are padded on the right, as everywhere in this package. Under causal attention no token then sees padding, and no
mask for it is made (nor looked at, for which a GPU would have to be waited for).
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from transformers import AutoConfig, AutoModelForSequenceClassification, GPT2Config, GPT2DoubleHeadsModel
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.models.gpt2 import modeling_gpt2
from transformers.models.gpt2.modeling_gpt2 import GPT2Model, GPT2SequenceSummary


class GPT2ForSequenceClassification(modeling_gpt2.GPT2ForSequenceClassification):
    """transformers' model of this name, which reads its checkpoints and writes what it reads."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.transformer.h[-1].__class__ = GPT2Block

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, labels: torch.Tensor | None = None
    ) -> SequenceClassifierOutput:
        """Scores of shape (batch, classes), at each text's last token that is not the pad token."""
        del attention_mask  # what comes after the last token is never seen
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        last = (places * (input_ids != self.config.pad_token_id)).argmax(dim=-1)
        logits = self.score(hidden_at(self.transformer, input_ids, last))
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


class GPT2DoubleHeadsClassifier(GPT2DoubleHeadsModel):
    """GPT-2 with a language-model head and a classification head read at one token (``mc_token_ids``).

    transformers' double-heads model scores one number a choice; here the second head gives one score a class, at the
    last token of the text. The language-model head keeps its weights but is not computed, unless ``lm_weight`` asks
    for its loss beside the class's: at GPT-2's sizes it costs almost half of the forward pass.
    """

    lm_weight = 0.0  # of the language-model loss while training

    def __init__(self, config: GPT2Config) -> None:
        classes = int(config.num_labels or 2)
        super().__init__(config)  # sets num_labels to 1
        config.num_labels = classes
        self.num_labels = classes
        self.multiple_choice_head = GPT2SequenceSummary(config)
        self.transformer.h[-1].__class__ = GPT2Block
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        mc_token_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """Scores of shape (batch, classes); ``mc_token_ids`` (batch,) defaults to each text's last token."""
        rows, longest = input_ids.shape
        if mc_token_ids is None and attention_mask is not None:
            mc_token_ids = attention_mask.sum(dim=-1) - 1
        if mc_token_ids is None:
            mc_token_ids = torch.full((rows,), longest - 1, device=input_ids.device)
        if labels is not None and self.lm_weight and self.training:
            every = self.transformer(input_ids, attention_mask=attention_mask).last_hidden_state
            hidden = every[torch.arange(rows, device=every.device), mc_token_ids]
        else:
            every, hidden = None, hidden_at(self.transformer, input_ids, mc_token_ids)
        logits = self.multiple_choice_head(hidden[:, None])
        loss = None if labels is None else cross_entropy(logits, labels)
        if loss is not None and every is not None:
            loss = loss + self.lm_weight * self._lm_loss(every, input_ids, attention_mask)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    def _lm_loss(self, hidden: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Mean cross-entropy of every token given those before it, padding left out."""
        real = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
        scores, targets = self.lm_head(hidden[:, :-1][real[:, 1:]]), ids[:, 1:][real[:, 1:]]
        return cross_entropy(scores.float(), targets, reduction="sum") / max(1, len(targets))


def hidden_at(model: GPT2Model, ids: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """The last hidden state of one token of each text.

    Args:
        model: GPT-2 without a head.
        ids: token ids padded on the right, shape (texts, tokens).
        place: the token of each text, shape (texts,); only those before it have a say.

    Returns:
        Shape (texts, width).
    """
    settings = model.config
    if settings.reorder_and_upcast_attn or settings.add_cross_attention:  # arithmetic of their own
        every: torch.Tensor = model(ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return every[torch.arange(len(ids), device=ids.device), place]
    positions = torch.arange(ids.shape[1], device=ids.device)[None]
    hidden = model.wte(ids) + model.wpe(positions)
    mask = create_causal_mask(
        config=settings, inputs_embeds=hidden, attention_mask=None, past_key_values=None, position_ids=positions
    )
    hidden = model.drop(hidden)
    *blocks, last = model.h
    for block in blocks:
        hidden = block(hidden, None, mask)
    at_place: torch.Tensor = model.ln_f(last(hidden, place=place))
    return at_place


class GPT2Block(modeling_gpt2.GPT2Block):
    """A block of GPT-2 that can be asked for one token of each text; the name is what sharding looks for."""

    def forward(self, hidden_states: Any, *args: Any, place: torch.Tensor | None = None, **kwargs: Any) -> Any:
        """As a block of GPT-2; with ``place`` of shape (texts,) for those tokens alone: shape (texts, width)."""
        if place is None:
            return super().forward(hidden_states, *args, **kwargs)
        rows = torch.arange(len(hidden_states), device=hidden_states.device)
        normed, residual = self.ln_1(hidden_states), hidden_states[rows, place]
        summed = residual + self.attended(normed, rows, place)
        return summed + self.mlp(self.ln_2(summed))

    def attended(self, states: torch.Tensor, rows: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """What attention adds to the token at ``place`` of each text, given the ``states`` of all of them."""
        found: torch.Tensor = self.attn.resid_dropout(self.attn.c_proj(self._attend(states, rows, place)))
        return found

    def _attend(self, normed: torch.Tensor, rows: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """What each text's token takes from itself and those before it."""
        attention: Any = self.attn
        project, width = attention.c_attn, normed.shape[-1]
        query = torch.addmm(project.bias[:width], normed[rows, place], project.weight[:, :width])
        others = torch.addmm(project.bias[width:], normed.flatten(0, 1), project.weight[:, width:])
        key, value = others.unflatten(0, normed.shape[:2]).split(width, dim=-1)
        query, key, value = (
            states.unflatten(-1, (attention.num_heads, attention.head_dim)).transpose(1, 2)
            for states in (query[:, None], key, value)
        )
        seen = torch.arange(normed.shape[1], device=normed.device) <= place[:, None]
        found = scaled_dot_product_attention(
            query, key, value, attn_mask=seen[:, None, None], scale=attention.scaling,
            dropout_p=attention.attn_dropout.p if self.training else 0.0,
        )  # fmt: skip
        return found.transpose(1, 2).flatten(1)


# --- GPT-2 with layer normalization after each sum (post-LN), as the first transformers had it ----------------------
# GPT-2 normalizes what goes into attention and MLP (pre-LN), and once more at its end. Here what comes out of each is
# added and the sum is normalized, so that the last block's output is normalized already:
#
#     h = ln_1(h + attention(h));  h = ln_2(h + mlp(h))
#
# Everything else, the first weights too, is GPT-2's. Checkpoints say ``gpt2-post-norm``: transformers refuses them
# unless this module is loaded, and does not take them for a GPT-2.
#
# Source: Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture" (arXiv:2002.04745).


class PostNormGPT2Config(GPT2Config):
    """GPT-2's configuration under a name of its own."""

    model_type = "gpt2-post-norm"


class PostNormGPT2Block(GPT2Block):
    """A block that normalizes its sums."""

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
