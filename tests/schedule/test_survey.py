"""Shapes of libraries that are not installed here, as text, beside the formula their code has.

n is the update, W = 10 the warm-up, T = 100 the run, P = 1; x is what is done of the warm-up, p of the fall.
"""

from math import cos, exp, log, pi, sqrt, tanh

import numpy as np
import pytest

import preheat

W, T = 10, 100


def fall(shape, warmup=lambda n: n / W):
    """The warm-up, then ``shape`` of the share of the fall that is done."""
    return lambda n: warmup(n) if n < W else shape((n - W) / (T - W))


def wave(x):
    return (1 + cos(pi * x)) / 2


def half_cosine_then_line(n):
    whole = fall(wave)
    return whole(n) if n < 80 else whole(80) * (T - n) / 20


def deepspeed(n):
    """Its first two updates are at the floor: every index is one late."""
    k = max(0, n - 1)
    return log(k + 1) / log(W) if k < W else 1.0


def cooled(shape):
    return lambda n: n / W if n < W else 1.0 if n < 80 else shape((n - 80) / 20)


def hyperbolic(n, upper=250.0):
    def f(x):
        return sqrt((T - x) / upper * (2 - (T + x) / upper))

    return 1 + f(n) - f(0)


WARMUPS = {
    "n / W: most": ("transformers: warmup 10 > hold forever", lambda n: min(1, n / W)),
    "(n + 1) / W: torchtitan, fairseq fixed, OLMo": ("warmup 10 > hold forever", lambda n: min(1, (n + 1) / W)),
    "(n + 1) / (W + 1): NeMo": ("warmup 11 > hold forever", lambda n: min(1, (n + 1) / (W + 1))),
    "n / (W - 1) from a start: mmengine, ignite": (
        "transformers: warmup 9 from 0.1 > hold forever",
        lambda n: min(1, 0.1 + 0.9 * n / (W - 1)),
    ),
    "logarithmic: DeepSpeed": ("shift(transformers: warmup logarithmic 9 > hold forever, updates=-1)", deepspeed),
    "x^2: axolotl": ("transformers: warmup square 10 > hold forever", lambda n: min(1, n / W) ** 2),
    "cosine: transformers' WSD": (
        "transformers: warmup cosine 10 > hold forever",
        lambda n: 1 - wave(min(1, n / W)),
    ),
    "1 - sqrt(1 - x): transformers' WSD": (
        "transformers: warmup 1-sqrt 10 > hold forever",
        lambda n: 1 - sqrt(1 - min(1, n / W)),
    ),
    "a (P / a)^x: OLMo-core, LR finders": (
        "transformers: warmup geometric(ratio=0.01) 10 from 0.01 > hold forever",
        lambda n: 0.01 * 100 ** min(1, n / W),
    ),
    "constant: nanotron": ("hold 10 at 0.1 > hold forever at 1", lambda n: 0.1 if n < W else 1.0),
}
FALLS = {
    "k-decay cosine: timm": ("transformers: warmup 10 > cosine(k=1.5)", fall(lambda p: wave(p**1.5))),
    "lower half of a cosine: OLMo-core": (
        "transformers: warmup 10 > half_cosine 90 from 0.55 to 0.1",
        fall(lambda p: 0.1 + 0.9 * wave((1 + p) / 2)),
    ),
    "cosine under a line: OLMo": (
        "transformers: warmup 10 > cosine_envelope to 0.1",
        fall(lambda p: 0.1 + (1 - p) * 0.9 * wave(p)),
    ),
    "cosine, then a line from where it is: OLMo-core": (
        "transformers: until(warmup 10 > cosine 90, updates=80) > linear 20",
        half_cosine_then_line,
    ),
    "midpoint cosine: pytorch-scheduler Chebyshev": (
        "shift(transformers: cosine 100, updates=0.5)",
        lambda n: wave((n + 0.5) / T) if n < T else 0.0,
    ),
    "sqrt((W + 1) / (n + 1)): NeMo": (
        "warmup 11 > inverse_sqrt(timescale=11) forever",
        lambda n: (n + 1) / (W + 1) if n <= W else sqrt((W + 1) / (n + 1)),
    ),
    "1 / sqrt(max(n, c)), times sqrt(c): T5": (
        "transformers: hold 10 > inverse_sqrt(timescale=10) forever",
        lambda n: sqrt(W / max(n, W)),
    ),
    "noam with a hold: NeMo": (
        "transformers: warmup 10 > hold 20 > power_law(power=0.7, timescale=10) forever",
        lambda n: min(1, n / W) if n < 30 else (W / (n - 20)) ** 0.7,
    ),
    "inverse square root with a cool-down factor: big_vision, timm": (
        "(transformers: warmup 10 > inverse_sqrt(timescale=10) forever) * (transformers: hold 80 at 1 > linear 20)",
        lambda n: (n / W if n < W else sqrt(W / n)) * min(1, (T - n) / 20),
    ),
    "halves over the run: GPT-NeoX": (
        "transformers: exponential(rate=0.5, steps=100) forever",
        lambda n: exp(-log(2) * n / T),
    ),
    "P (end / P)^x: fastai": ("transformers: geometric(ratio=0.01) 100 to 0.01", lambda n: 0.01 ** (n / T)),
    "REX: axolotl": ("transformers: warmup 10 > rex(beta=0.9)", fall(lambda p: (1 - p) / (0.1 + 0.9 * (1 - p)))),
    "tanh: timm": ("transformers: tanh 100", lambda n: (1 - tanh(-7 * (1 - n / T) + 3 * n / T)) / 2),
    "2 * 0.5^q - 1: Megatron": (
        "transformers: warmup 10 > hold > geometric(ratio=0.5) 20",
        cooled(lambda q: 2 * 0.5**q - 1),
    ),
    "1 - q^2: pytorch_optimizer": ("transformers: warmup 10 > hold > 1-square 20", cooled(lambda q: 1 - q * q)),
    "scale^q: fairseq tri_stage": (
        "transformers: warmup 10 > hold > geometric(ratio=0.05) 20 to 0.05",
        cooled(lambda q: 0.05**q),
    ),
    "follow, then anneal from there: OLMo-core override_decay": (
        "until((transformers: cosine 300), updates=60) > (transformers: linear 40 to 0.01)",
        lambda n: wave(n / 300) if n < 60 else wave(0.2) + (0.01 - wave(0.2)) * (n - 60) / 40,
    ),
    "sqrt(1 - n / T) from n = W on: NeMo": (
        "transformers: warmup 10 > sqrt 100 from 1 skip 10",
        lambda n: n / W if n < W else sqrt(1 - n / T),
    ),
    "hyperbolic: pytorch-scheduler": (
        "transformers: hyperbolic(upper_bound=250) 100 to 0",
        hyperbolic,
    ),
    "a warm-up in every cycle: CosineAnnealingWarmupRestarts": (
        "repeat(transformers: warmup 5 from 0.1 > cosine 20 to 0.1)",
        lambda n: 0.1 + 0.9 * ((n % 25) / 5 if n % 25 < 5 else wave((n % 25 - 5) / 20)),
    ),
    "a product of factors by name: T5X": (
        "0.5 * (transformers: warmup 10 > hold forever) * (hold 10 at 1 > inverse_sqrt(timescale=10) forever)",
        lambda n: 0.5 * min(1, n / W) / sqrt(max(n + 1, W) / W if n >= W else 1),
    ),
    "the larger of two: OLMo": (
        "max((transformers: warmup 10 > cosine 90), (transformers: warmup 10 > inverse_sqrt(timescale=10) forever))",
        lambda n: n / W if n < W else max(wave((n - W) / 90), sqrt(W / n)),
    ),
    "a warm-up bolted on: OLMo": (
        "hold 20 at 0 > (transformers: linear 10 from 0 to 0.7) > shift(transformers: linear 100, updates=30)",
        lambda n: 0 if n < 20 else (n - 20) * 0.07 if n < 30 else 1 - n / T,
    ),
}


@pytest.mark.parametrize(("text", "formula"), WARMUPS.values(), ids=WARMUPS)
def test_every_warmup_of_the_field_can_be_written(text, formula):
    """Each step convention and each bend, at every update."""
    assert np.abs(preheat.parse(text).over(None)(range(30)) - [formula(n) for n in range(30)]).max() <= 1e-14


@pytest.mark.parametrize(("text", "formula"), FALLS.values(), ids=FALLS)
def test_every_fall_of_the_field_can_be_written(text, formula):
    """Over the whole run and at its end."""
    schedule = preheat.parse(text).over(T)
    assert np.abs(schedule(range(T + 1)) - [formula(n) for n in range(T + 1)]).max() <= 1e-14
