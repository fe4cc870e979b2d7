"""The classifier and its tokenizer, pretrained or small from random weights; a sequence head or double heads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tokenizers
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GPT2Config,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging as hf_logging

from preheat.errors import ConfigError, refusal
from preheat.lab.data.tokens import TokenCache, content_key
from preheat.lab.training.config import TrainConfig
from preheat.lab.training.heads import GPT2DoubleHeadsClassifier, GPT2ForSequenceClassification, PostNormGPT2Config

_DROPOUT = re.compile(r"dropout|pdrop")
_END, _PAD = "<|endoftext|>", "<|pad|>"


def build_tokenizer(config: TrainConfig, texts: Sequence[str], cache: TokenCache) -> PreTrainedTokenizerBase:
    """The pretrained tokenizer of ``config.model``, or a byte-level BPE trained on ``texts``, once for these texts."""
    if not config.pretrained:
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
            advice = "Take --head sequence for other models."
            raise ConfigError(
                refusal("head", "'sequence' for a model that is not a GPT-2", settings.model_type, advice)
            )
        _set_dropout(settings, config.dropout)
        kind = _head(config.head, settings.model_type)
        if not weights:
            return _made(kind, settings)
        model: PreTrainedModel = _load(kind, config.model, config=settings)
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
        advice = "Leave it out for this model."
        raise ConfigError(refusal("dropout", f"left out: a {settings.model_type} names none", share, advice))
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
    local = Path(name).is_dir()
    try:
        with _no_bars():
            return kind.from_pretrained(name, local_files_only=local, **options)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        advice = f"Loading failed: {reason}"
        raise ConfigError(refusal("model", "a local folder or a hub name that can be loaded", name, advice)) from error


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
