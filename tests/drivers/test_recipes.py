"""The recipes of docs/frameworks.md for frameworks that are not installed here, on stand-ins that call as they do."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import preheat

PAGE = Path(__file__).parents[2] / "docs" / "frameworks.md"
RECIPES = re.findall(r"```py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
SCHEDULE = preheat.parse("warmup 10% > cosine to 0.1").over(1000)


def recipe(word):
    """The one recipe that speaks of ``word``: two lines."""
    (found,) = [lines for lines in RECIPES if word in lines]
    assert len(found.splitlines()) == 2
    return found


class MlxOptimizer:
    """mlx 0.32, ``mlx.optimizers.Optimizer``: a callable is called with the step, an array of uint64.

    ``_maybe_schedule`` calls it at once; ``apply_gradients`` before each update, and then adds 1 to the step.
    """

    def __init__(self, learning_rate):
        self.step, self.rate = np.array(0, np.uint64), learning_rate
        self.learning_rate = self.rate(self.step)

    def update(self):
        self.learning_rate = self.rate(self.step)
        self.step = self.step + np.uint64(1)


# The names of mlx.core that a schedule asks for; its default float is float32.
MLX = SimpleNamespace(
    __name__="mlx.core",
    float32=np.float32,
    pi=np.pi,
    **{name: getattr(np, name) for name in ("cos", "exp", "floor", "log", "sin", "sqrt", "tanh", "where")},
)


def test_mlx():
    """Every update within 2e-6 of the peak; the step is unsigned, so it is cast before anything is taken from it."""
    place = {"schedule": SCHEDULE, "mx": MLX, "optimizers": SimpleNamespace(AdamW=MlxOptimizer)}
    exec(recipe("mx"), place)
    optimizer, used = place["optimizer"], []
    for _ in range(1000):
        optimizer.update()
        used.append(float(optimizer.learning_rate))
    assert np.abs(np.array(used) - 1e-3 * SCHEDULE(np.arange(1000))).max() <= 2e-6 * 1e-3


class LambdaDecay:
    """paddle 3.3, ``paddle.optimizer.lr.LambdaDecay``: ``base * lr_lambda(last_epoch)``, counted in calls of step().

    Making it calls step() once, so the first update is at count 0.
    """

    def __init__(self, learning_rate, lr_lambda):
        if not callable(lr_lambda):
            raise TypeError("lr_lambda must be a callable object")
        self.base_lr, self.lr_lambda, self.last_epoch = float(learning_rate), lr_lambda, -1
        self.step()

    def __call__(self):
        return self.last_lr

    def step(self):
        self.last_epoch += 1
        self.last_lr = self.base_lr * self.lr_lambda(self.last_epoch)


def test_paddle():
    """The optimizer asks the scheduler at each step; the user steps it after each."""
    adam = SimpleNamespace
    paddle = SimpleNamespace(optimizer=SimpleNamespace(lr=SimpleNamespace(LambdaDecay=LambdaDecay), AdamW=adam))
    place = {"schedule": SCHEDULE, "paddle": paddle, "parameters": []}
    exec(recipe("paddle"), place)
    used = []
    for _ in range(1000):
        used.append(place["optimizer"].learning_rate())
        place["rate"].step()
    assert used == [1e-3 * SCHEDULE(update) for update in range(1000)]


def test_every_recipe_is_tested():
    """No third one without a stand-in."""
    assert len(RECIPES) == 2
