"""The classifier and its tokenizer, pretrained or small from random weights; a sequence head or double heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GPT2Config,
    GPT2DoubleHeadsModel,
    GPT2ForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.models.gpt2.modeling_gpt2 import GPT2SequenceSummary
from transformers.utils import logging as hf_logging

from preheat.errors import ConfigError, refusal
from preheat.train.config import TrainConfig

_END, _PAD = "<|endoftext|>", "<|pad|>"


class GPT2DoubleHeadsClassifier(GPT2DoubleHeadsModel):
    """GPT-2 with a language-model head and a classification head read at one token (``mc_token_ids``).

    transformers' double-heads model scores one number a choice; here the second head gives one score a class, at the
    last token of the text. The language-model head keeps its weights but is not computed: nothing reads it.
    """

    def __init__(self, config: GPT2Config) -> None:
        classes = int(config.num_labels or 2)
        super().__init__(config)  # sets num_labels to 1
        config.num_labels = classes
        self.num_labels = classes
        self.multiple_choice_head = GPT2SequenceSummary(config)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        mc_token_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        """Scores of shape (batch, classes); ``mc_token_ids`` (batch,) defaults to each text's last token."""
        if mc_token_ids is None and attention_mask is not None:
            mc_token_ids = attention_mask.sum(dim=-1) - 1
        hidden = self.transformer(input_ids, attention_mask=attention_mask, **kwargs).last_hidden_state
        logits = self.multiple_choice_head(hidden, mc_token_ids)
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build_tokenizer(config: TrainConfig, texts: Sequence[str]) -> PreTrainedTokenizerBase:
    """The pretrained tokenizer of ``config.model``, or a byte-level BPE trained on ``texts``."""
    if not config.pretrained:
        return _train_bpe(texts, config.vocabulary, config.max_tokens)
    tokenizer: PreTrainedTokenizerBase = _load(AutoTokenizer, config.model)
    if tokenizer.pad_token_id is None:  # GPT-2 has none
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Token ids of each text, cut to ``max_tokens``; a text with no token becomes one end token."""
    ids = tokenizer(list(texts), truncation=True, max_length=max_tokens)["input_ids"]
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.pad_token_id
    return [tokens or [end] for tokens in ids]


def build_model(config: TrainConfig, classes: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """The classifier with ``classes`` outputs, on the CPU, in float32."""
    names = dict(enumerate(classes))
    labels: dict[str, Any] = {"id2label": names, "label2id": {name: index for index, name in names.items()}}
    if config.pretrained:
        settings = _load(AutoConfig, config.model, **labels, pad_token_id=tokenizer.pad_token_id)
        if config.head == "double" and settings.model_type != "gpt2":
            advice = "Take --head sequence for other models."
            raise ConfigError(
                refusal("head", "'sequence' for a model that is not a GPT-2", settings.model_type, advice)
            )
        model: PreTrainedModel = _load(_head(config.head, pretrained=True), config.model, config=settings)
        model.float()
        return model
    settings = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=config.max_tokens,
        n_embd=config.width,
        n_layer=config.layers,
        n_head=config.heads,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **labels,
    )
    made: PreTrainedModel = _head(config.head, pretrained=False)(settings)
    return made


def load_saved(folder: Path, head: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer as a checkpoint holds them, ready to predict."""
    model = _load(_head(head, pretrained=True), str(folder))
    return model.eval(), _load(AutoTokenizer, str(folder))


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Both in ``save_pretrained`` form; the weights in safetensors."""
    with _no_bars():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _head(head: str, *, pretrained: bool) -> Any:
    if head == "double":
        return GPT2DoubleHeadsClassifier
    return AutoModelForSequenceClassification if pretrained else GPT2ForSequenceClassification


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


def _train_bpe(texts: Sequence[str], vocabulary: int, max_tokens: int) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

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
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=_END, eos_token=_END, pad_token=_PAD, model_max_length=max_tokens
    )
