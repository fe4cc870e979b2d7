"""The classification heads compute less than transformers' models and give the same: scores, gradients, checkpoints."""

import pytest
import torch
import transformers
from transformers import AutoModelForSequenceClassification, GPT2Config

from preheat.lab.training.model import (
    GPT2DoubleHeadsClassifier,
    GPT2ForSequenceClassification,
    PostNormGPT2Config,
    PostNormGPT2ForSequenceClassification,
    hidden_at,
)

SHAPES = [
    {},
    {"n_layer": 1},
    {"scale_attn_by_inverse_layer_idx": True},
    {"scale_attn_weights": False},
    {"n_inner": 24, "activation_function": "relu"},
    {"attn_implementation": "eager"},
    {"attn_implementation": "eager", "reorder_and_upcast_attn": True},
]


def config_of(**changes):
    """Small, without dropout, so that every number can be compared."""
    none = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "summary_first_dropout": 0.0}
    shape = {"vocab_size": 60, "n_positions": 24, "n_embd": 16, "n_layer": 3, "n_head": 4, "num_labels": 5}
    return GPT2Config(pad_token_id=59, bos_token_id=58, eos_token_id=58, **{**none, **shape, **changes})


def texts(seed=0):
    """Ids padded on the right, their mask and classes; one text of one token, one of all."""
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([1, 7, 12, 4, 20])
    mask = (torch.arange(20) < lengths[:, None]).long()
    ids = torch.where(mask.bool(), torch.randint(58, (5, 20), generator=draw), 59)
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([0, 4, 2, 2, 1])}


def gradients(model, batch):
    """Loss, scores, gradients by name."""
    model.zero_grad()
    found = model(**batch)
    found.loss.backward()
    named = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    return found.loss.detach(), found.logits.detach(), named


def assert_same(found, expected):
    for one, other in zip(found[:2], expected[:2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    assert found[2].keys() == expected[2].keys()
    for name, gradient in expected[2].items():
        torch.testing.assert_close(found[2][name], gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("changes", SHAPES, ids=str)
def test_sequence_head_is_transformers_own(changes):
    """Scores, loss and every gradient, in training mode, for texts of all lengths."""
    torch.manual_seed(0)
    stock = transformers.GPT2ForSequenceClassification(config_of(**changes)).train()
    ours = GPT2ForSequenceClassification(config_of(**changes)).train()
    ours.load_state_dict(stock.state_dict())
    assert_same(gradients(ours, texts()), gradients(stock, texts()))
    unmasked = {key: value for key, value in texts().items() if key != "attention_mask"}
    assert torch.equal(ours(**unmasked).logits, ours(**texts()).logits)


@pytest.mark.parametrize("changes", SHAPES, ids=str)
def test_hidden_state_of_any_token_is_the_whole_models(changes):
    """Of the double heads too: one token in the middle, in evaluation mode."""
    torch.manual_seed(0)
    model = GPT2DoubleHeadsClassifier(config_of(**changes)).eval()
    batch = texts()
    every = model.transformer(batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    token = torch.tensor([0, 3, 11, 2, 10])
    torch.testing.assert_close(
        hidden_at(model.transformer, batch["input_ids"], token), every[torch.arange(5), token], rtol=1e-5, atol=1e-6
    )


def test_double_heads_with_and_without_the_language_model_loss():
    """The class's part of the loss is the same either way."""
    torch.manual_seed(0)
    model = GPT2DoubleHeadsClassifier(config_of()).train()
    model.lm_weight = 0.5
    both = model(**texts())
    batch = texts()
    hidden = model.transformer(batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    language = model._lm_loss(hidden, batch["input_ids"], batch["attention_mask"])
    model.lm_weight = 0.0
    alone = model(**texts())
    torch.testing.assert_close(both.logits, alone.logits, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(both.loss, alone.loss + 0.5 * language)


def test_dropout_is_applied_as_often_as_the_model_has_it():
    """Every one of a block's three probabilities changes the training scores, in the last block too."""
    for name in ("resid_pdrop", "embd_pdrop", "attn_pdrop"):
        torch.manual_seed(0)
        model = GPT2ForSequenceClassification(config_of(n_layer=1, **{name: 0.5}))
        scores = model.eval()(**texts()).logits
        assert not torch.allclose(model.train()(**texts()).logits, scores)
        assert torch.equal(model.eval()(**texts()).logits, scores)


def test_checkpoints_are_transformers_own(tmp_path):
    """Written by one, read by the other, under the same name."""
    torch.manual_seed(0)
    ours = GPT2ForSequenceClassification(config_of()).eval()
    ours.save_pretrained(tmp_path)
    read = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    assert type(read) is transformers.GPT2ForSequenceClassification
    assert read.config.architectures == ["GPT2ForSequenceClassification"]
    torch.testing.assert_close(read(**texts()).logits, ours(**texts()).logits, rtol=1e-5, atol=1e-6)
    again = GPT2ForSequenceClassification.from_pretrained(tmp_path).eval()
    assert torch.equal(again(**texts()).logits, ours(**texts()).logits)


def post_norm():
    """A classifier that normalizes its sums, whose gains and shifts do something."""
    torch.manual_seed(0)
    model = PostNormGPT2ForSequenceClassification(PostNormGPT2Config(**config_of().to_diff_dict()))
    for name, weight in model.named_parameters():
        if ".ln_" in name:
            weight.data += 0.3 * torch.randn_like(weight)
    return model


def test_post_norm_normalizes_its_sums():
    """Against the equations, in PyTorch's own encoder layer, which knows them under norm_first=False."""
    model, batch = post_norm().eval(), texts()
    hidden = model.transformer.wte(batch["input_ids"]) + model.transformer.wpe(torch.arange(20))
    for block in model.transformer.h:
        layer = torch.nn.TransformerEncoderLayer(16, 4, 64, 0.0, block.mlp.act, batch_first=True, norm_first=False)
        taken = {
            "self_attn.in_proj": block.attn.c_attn, "self_attn.out_proj": block.attn.c_proj,
            "linear1": block.mlp.c_fc, "linear2": block.mlp.c_proj,
        }  # fmt: skip
        state = {"norm1": block.ln_1.state_dict(), "norm2": block.ln_2.state_dict()}
        weights = {f"{name}.{key}": value for name, part in state.items() for key, value in part.items()}
        for name, part in taken.items():
            joint = "_" if name.endswith("in_proj") else "."
            weights |= {f"{name}{joint}weight": part.weight.T, f"{name}{joint}bias": part.bias}
        layer.load_state_dict(weights)
        causal = torch.nn.Transformer.generate_square_subsequent_mask(20)
        hidden = layer(hidden, src_mask=causal, is_causal=True)
    last = batch["attention_mask"].sum(dim=-1) - 1
    expected = model.score(hidden[torch.arange(5), last])
    torch.testing.assert_close(model(**batch).logits, expected, rtol=1e-5, atol=1e-5)


def test_post_norm_checkpoint_is_no_gpt2(tmp_path):
    """It is read back as what it is, and says so by its name."""
    model = post_norm().eval()
    model.save_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    assert type(again) is PostNormGPT2ForSequenceClassification
    assert again.config.model_type == "gpt2-post-norm"
    assert {type(block).__name__ for block in again.transformer.h} == {"PostNormGPT2Block"}
    batch = texts()
    assert torch.equal(again(**batch).logits, model(**batch).logits)
