"""The classifier and its tokenizer: pretrained or small from random weights, with a sequence head or double heads.

Heads    A class is read off one token, the last of the text. So the last block of a GPT-2 is computed for that token
         alone: of the other tokens it takes keys and values, and no attention, no MLP, no logits. The weights, the
         function and its gradients are those of transformers' models, to rounding; dropout draws fewer numbers. Of n
         blocks about 0.8 / n is saved.
Padding  is on the right, as everywhere in this package. Under causal attention no token then sees padding, and no mask
         for it is made (nor looked at, for which a GPU would have to be waited for).
Post-LN  (``norm="post"``): GPT-2 normalizes what goes into attention and MLP, and once more at its end. Here what comes
         out of each is added and the sum is normalized, so that the last block's output is normalized already:
         h = ln_1(h + attention(h)); h = ln_2(h + mlp(h)). Everything else, the first weights too, is GPT-2's.
         Checkpoints say ``gpt2-post-norm``: transformers refuses them unless this module is loaded, and does not take
         them for a GPT-2. Xiong et al. 2020, arXiv:2002.04745.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tokenizers
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GPT2Config,
    GPT2DoubleHeadsModel,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.models.gpt2 import modeling_gpt2
from transformers.models.gpt2.modeling_gpt2 import GPT2Model, GPT2SequenceSummary
from transformers.utils import logging as hf_logging

from preheat.errors import ConfigError, refusal
from preheat.lab.data.token_cache import TokenCache, content_key
from preheat.lab.training.config import TrainConfig
from preheat.messages import _

# As configurations of transformers name their probabilities: attn_pdrop, hidden_dropout_prob, dropout, ...
_DROPOUT = re.compile(r"dropout|pdrop")
_END, _PAD = "<|endoftext|>", "<|pad|>"
try:
    _MASK_ARGUMENTS = tuple(inspect.signature(create_causal_mask).parameters)
except TypeError:  # what stands in for transformers where the docs are built has no signature
    _MASK_ARGUMENTS = ()
# What tells create_causal_mask that no keys and values are kept: ``past_key_values`` up to transformers 5.23, ``cache``
# from 5.24 on, which warns of the old name until 5.40. A constant: a compiled model cannot trace through a cache.
_NO_EARLIER_TOKENS: dict[str, Any] = {"cache" if "cache" in _MASK_ARGUMENTS else "past_key_values": None}


def build_tokenizer(config: TrainConfig, texts: Sequence[str], cache: TokenCache) -> PreTrainedTokenizerBase:
    """The pretrained tokenizer of ``config.model``, or a byte-level BPE trained on ``texts``, once for these texts."""
    if not config.pretrained:
        # The release too: another one may merge in another order.
        key = content_key(tokenizers.__version__, config.vocabulary, *texts)
        bpe = Tokenizer.from_str(cache.text("bpe.json", key, lambda: _train_bpe(texts, config.vocabulary)))
        return PreTrainedTokenizerFast(
            tokenizer_object=bpe, bos_token=_END, eos_token=_END, pad_token=_PAD, model_max_length=config.max_tokens
        )
    tokenizer: PreTrainedTokenizerBase = _load(AutoTokenizer, config.model)
    if tokenizer.pad_token_id is None:  # GPT-2 has none
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def build_model(
    config: TrainConfig, classes: Sequence[str], tokenizer: PreTrainedTokenizerBase, *, weights: bool = True
) -> PreTrainedModel:
    """The classifier with ``classes`` outputs, on the CPU, in float32.

    ``weights=False`` loads none of a pretrained model: its shape alone is wanted.
    """
    names = dict(enumerate(classes))
    labels: dict[str, Any] = {"id2label": names, "label2id": {name: index for index, name in names.items()}}
    if config.pretrained:
        settings = _load(AutoConfig, config.model, **labels, pad_token_id=tokenizer.pad_token_id)
        if config.head == "double" and settings.model_type != "gpt2":
            advice = _("Take --head sequence for other models.")
            raise ConfigError(
                refusal("head", _("'sequence' for a model that is not a GPT-2"), settings.model_type, advice)
            )
        _set_dropout(settings, config.dropout)
        kind = _head(config.head, settings.model_type)
        if not weights:
            return _made(kind, settings)
        model: PreTrainedModel = _load(kind, config.model, config=settings)
        # Half-precision weights, as many checkpoints have them, would lose small updates; autocast computes in half
        # where that is asked for.
        model.float()
        return _with_lm_loss(model, config)
    shape_of = PostNormGPT2Config if config.norm == "post" else GPT2Config
    settings = shape_of(
        vocab_size=len(tokenizer),
        n_positions=config.max_tokens,
        n_embd=config.width,
        n_layer=config.layers,
        n_head=config.heads,
        activation_function="gelu_pytorch_tanh",  # GPT-2's own function, in one kernel instead of eight
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **labels,
    )
    _set_dropout(settings, config.dropout)
    return _with_lm_loss(_made(_head(config.head, settings.model_type), settings), config)


def _made(kind: Any, settings: Any) -> PreTrainedModel:
    """A model from random weights."""
    make = kind.from_config if kind is AutoModelForSequenceClassification else kind
    made: PreTrainedModel = make(settings)
    return made


def _set_dropout(settings: Any, share: float | None) -> None:
    """Every probability that the model's configuration calls a dropout."""
    if share is None:
        return
    names = [name for name, value in vars(settings).items() if _DROPOUT.search(name) and value is not None]
    if not names:
        advice = _("Leave it out for this model.")
        raise ConfigError(
            refusal("dropout", _("left out: a {model} names none", model=settings.model_type), share, advice)
        )
    for name in names:
        setattr(settings, name, share)


def _with_lm_loss(model: PreTrainedModel, config: TrainConfig) -> PreTrainedModel:
    if isinstance(model, GPT2DoubleHeadsClassifier):
        model.lm_weight = config.lm_weight
    return model


def load_model(folder: Path, config: TrainConfig) -> PreTrainedModel:
    """The model a checkpoint holds, from safetensors and nothing else."""
    kind = _head(config.head, _load(AutoConfig, str(folder)).model_type)
    model: PreTrainedModel = _load(kind, str(folder), use_safetensors=True)
    return _with_lm_loss(model, config)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer a checkpoint holds."""
    tokenizer: PreTrainedTokenizerBase = _load(AutoTokenizer, str(folder))
    return tokenizer


def save(
    model: PreTrainedModel, weights: dict[str, torch.Tensor], tokenizer: PreTrainedTokenizerBase, folder: Path
) -> None:
    """Both in ``save_pretrained`` form; the weights in safetensors."""
    with _no_bars():
        model.save_pretrained(folder, state_dict=weights)
        tokenizer.save_pretrained(folder)


def _head(head: str, model_type: str) -> Any:
    if head == "double":
        return GPT2DoubleHeadsClassifier
    return GPT2ForSequenceClassification if model_type == "gpt2" else AutoModelForSequenceClassification


@contextmanager
def _no_bars() -> Iterator[None]:
    """Without transformers' own progress bars: they show file shards, and fill log files."""
    shown = hf_logging.is_progress_bar_enabled()
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            hf_logging.enable_progress_bar()


def _load(kind: Any, name: str, **options: Any) -> Any:
    """``from_pretrained`` with one readable line when there is nothing to load."""
    # What is a folder here is never looked for on the hub.
    local = Path(name).is_dir()
    try:
        with _no_bars():
            return kind.from_pretrained(name, local_files_only=local, **options)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        advice = _("Loading failed: {error}", error=reason)
        raise ConfigError(
            refusal("model", _("a local folder or a hub name that can be loaded"), name, advice)
        ) from error


def _train_bpe(texts: Sequence[str], vocabulary: int) -> str:
    """A byte-level BPE over the texts, as its own JSON."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[_END, _PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return str(bpe.to_str())


# --- Heads that compute what they read and nothing else ---------------------------------------------------------------


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
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        last = (positions * (input_ids != self.config.pad_token_id)).argmax(dim=-1)
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
        # transformers' constructor sets num_labels to 1, one score a choice; it is put back for the second head and
        # for the checkpoint.
        classes = int(config.num_labels or 2)
        super().__init__(config)
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


def hidden_at(model: GPT2Model, ids: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    """The last hidden state of one token of each text.

    Args:
        model: GPT-2 without a head.
        ids: token ids padded on the right, shape (texts, tokens).
        token: index of the token of each text, shape (texts,); only those before it have a say.

    Returns:
        Shape (texts, width).
    """
    settings = model.config
    # The short way would not compute what these ask for.
    if settings.reorder_and_upcast_attn or settings.add_cross_attention:
        every: torch.Tensor = model(ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return every[torch.arange(len(ids), device=ids.device), token]
    positions = torch.arange(ids.shape[1], device=ids.device)[None]
    hidden = model.wte(ids) + model.wpe(positions)
    mask = create_causal_mask(
        config=settings, inputs_embeds=hidden, attention_mask=None, position_ids=positions, **_NO_EARLIER_TOKENS
    )
    hidden = model.drop(hidden)
    *blocks, last = model.h
    for block in blocks:
        hidden = block(hidden, None, mask)
    at_token: torch.Tensor = model.ln_f(last(hidden, token=token))
    return at_token


class GPT2Block(modeling_gpt2.GPT2Block):
    """A block of GPT-2 that can be asked for one token of each text; the name is what sharding looks for."""

    def forward(self, hidden_states: Any, *args: Any, token: torch.Tensor | None = None, **kwargs: Any) -> Any:
        """As a block of GPT-2; with ``token`` of shape (texts,) for those tokens alone: shape (texts, width)."""
        if token is None:
            return super().forward(hidden_states, *args, **kwargs)
        rows = torch.arange(len(hidden_states), device=hidden_states.device)
        normed, residual = self.ln_1(hidden_states), hidden_states[rows, token]
        summed = residual + self.attended(normed, rows, token)
        return summed + self.mlp(self.ln_2(summed))

    def attended(self, states: torch.Tensor, rows: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
        """What attention adds to the token at ``token`` of each text, given the ``states`` of all of them."""
        added: torch.Tensor = self.attn.resid_dropout(self.attn.c_proj(self._attend(states, rows, token)))
        return added

    def _attend(self, normed: torch.Tensor, rows: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
        """What each text's token takes from itself and those before it."""
        attention: Any = self.attn
        project, width = attention.c_attn, normed.shape[-1]
        # One third of the projection for one token, two thirds for all: the weights of a GPT-2 are one matrix.
        query = torch.addmm(project.bias[:width], normed[rows, token], project.weight[:, :width])
        others = torch.addmm(project.bias[width:], normed.flatten(0, 1), project.weight[:, width:])
        key, value = others.unflatten(0, normed.shape[:2]).split(width, dim=-1)
        query, key, value = (
            states.unflatten(-1, (attention.num_heads, attention.head_dim)).transpose(1, 2)
            for states in (query[:, None], key, value)
        )
        # Under causal attention the token at an index sees those up to it; padding comes after.
        seen = torch.arange(normed.shape[1], device=normed.device) <= token[:, None]
        taken = scaled_dot_product_attention(
            query, key, value, attn_mask=seen[:, None, None], scale=attention.scaling,
            dropout_p=attention.attn_dropout.p if self.training else 0.0,
        )  # fmt: skip
        return taken.transpose(1, 2).flatten(1)


# --- Layer normalization after each sum -------------------------------------------------------------------------------


class PostNormGPT2Config(GPT2Config):
    """GPT-2's configuration under a name of its own."""

    model_type = "gpt2-post-norm"


class PostNormGPT2Block(GPT2Block):
    """A block that normalizes its sums."""

    def forward(  # type: ignore[override] # the name of the cache is another one from transformers 5.24 on
        self,
        hidden_states: Any,
        cache: Any = None,  # by position always: its name is another one before transformers 5.24
        attention_mask: torch.Tensor | None = None,
        *_others: Any,
        token: torch.Tensor | None = None,
        **_more: Any,
    ) -> Any:
        """As a block of GPT-2; with ``token`` of shape (texts,) for those tokens alone: shape (texts, width)."""
        if token is None:
            attended, _unused = self.attn(hidden_states, cache, attention_mask=attention_mask)
            summed = self.ln_1(hidden_states + attended)
        else:
            rows = torch.arange(len(hidden_states), device=hidden_states.device)
            summed = self.ln_1(hidden_states[rows, token] + self.attended(hidden_states, rows, token))
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
