"""What every dialect owes: its examples read, are recognized, come back; and nothing crashes it."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preheat import get_schedule
from preheat.dialects import DIALECTS, Imported, detect, dialect, read, write
from preheat.errors import ConfigError, PreheatError
from preheat.messages.languages import tell

EXAMPLES = [
    pytest.param(name, example, id=f"{name}-{example.name}") for name in DIALECTS for example in dialect(name).examples
]
WRITTEN = [name for name in DIALECTS if dialect(name).write is not None]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_examples_read_and_are_recognized(name, example):
    """Every name the dialect knows gives finite factors, never negative, and is found by ``auto``."""
    found = read(example.config, name, **example.context)
    total = found.total or example.context.get("total", 100)
    factors = found.schedule(np.arange(2 * total))
    assert np.isfinite(factors).all()
    assert (factors >= 0).all()
    assert factors.max() > 0
    assert detect(example.config) == name == found.dialect


@pytest.mark.parametrize(("name", "example"), [item for item in EXAMPLES if item.values[0] in WRITTEN])
def test_what_a_dialect_reads_it_writes(name, example):
    """Its own schedules come back exactly, and the text it writes is read as the same."""
    found = read(example.config, name, **example.context)
    total = found.total or example.context["total"]
    base = found.base_lr or 1.0
    written = write(found.schedule, name, total=total, base_lr=base)
    assert written.exact, written
    for again in (written.config, written.text):
        back = read(again, name, total=total)
        if back.base_lr is None:
            back = read(again, name, total=total, peak=base)
        expected = base * found.schedule(np.arange(total))
        np.testing.assert_allclose((back.base_lr or base) * back.schedule(np.arange(total)), expected, atol=1e-9 * base)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_stated_error_is_the_real_one(name):
    """A curve that the dialect may not have: what is written is as far away as it says."""
    schedule = get_schedule("rex", warmup=7, total=90)
    written = write(schedule, name, base_lr=0.5)
    back = read(written.config, name, total=90)
    if back.base_lr is None:
        back = read(written.config, name, total=90, peak=0.5)
    apart = np.abs((back.base_lr or 0.5) * back.schedule(np.arange(90)) - 0.5 * schedule(np.arange(90)))
    assert math.isclose(apart.max(), written.error, rel_tol=1e-9, abs_tol=1e-9)
    assert written.error < 0.25


@pytest.mark.parametrize("name", DIALECTS)
@given(data=st.data())
def test_mutated_configurations_never_crash(name, data):
    """A schedule or a PreheatError, whatever stands in a field."""
    example = data.draw(st.sampled_from(dialect(name).examples))
    config = _mutated(example.config, data)
    try:
        found = read(config, name, **example.context)
        assert isinstance(found, Imported)
        assert math.isfinite(found.schedule(7))
    except PreheatError:
        pass


def _mutated(config, data):
    """One field somewhere in ``config`` replaced, added or taken out."""
    if isinstance(config, dict) and config:
        key = data.draw(st.sampled_from(sorted(config)))
        how = data.draw(st.sampled_from(["deeper", "replace", "drop", "add"]))
        changed = dict(config)
        if how == "deeper":
            changed[key] = _mutated(config[key], data)
        elif how == "replace":
            changed[key] = data.draw(JUNK)
        elif how == "drop":
            del changed[key]
        else:
            changed[data.draw(st.text(max_size=8))] = data.draw(JUNK)
        return changed
    if isinstance(config, list) and config:
        at = data.draw(st.integers(0, len(config) - 1))
        return [*config[:at], _mutated(config[at], data), *config[at + 1 :]]
    if isinstance(config, str):
        at = data.draw(st.integers(0, len(config)))
        return config[:at] + data.draw(st.text(max_size=3)) + config[at + data.draw(st.integers(0, 3)) :]
    return data.draw(JUNK)


@given(JUNK)
def test_junk_is_refused_by_name(junk):
    """Nothing is recognized in it, and the refusal says what to do."""
    with pytest.raises(PreheatError):
        read(json.loads(json.dumps(junk, default=str)) if not isinstance(junk, str) else {"junk": junk})


@pytest.mark.parametrize("text", ["", "~nobody_is_called_so", "~nobody_is_called_so/config"])
def test_a_home_that_nobody_has_is_text(text):
    """Where pathlib gives up, with an error of its own."""
    with pytest.raises(ConfigError, match="of a dialect known here"):
        read(text)


def test_refusals_name_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'transformers'"):
        read({}, "transformer")
    with pytest.raises(ConfigError, match="Did you mean 'total'"):
        read({"lr_scheduler_type": "linear"}, totl=3)
    with pytest.raises(ConfigError, match="max_steps must be 200, the total you gave; got 100"):
        read({"lr_scheduler_type": "linear", "max_steps": 100}, total=200)


@pytest.mark.parametrize("length", [10**400, f"1{'0' * 400}"])
def test_a_number_beyond_floats_is_refused(length):
    """A whole number that no float holds."""
    with pytest.raises(ConfigError, match="warmup_steps must be a finite number"):
        read({"lr_scheduler_type": "linear", "warmup_steps": length, "max_steps": 100})


def test_a_folder_is_said_to_be_one(tmp_path):
    """By its path or its name: no configuration is a folder, and the advice is not a list of dialects."""
    for folder in (tmp_path, str(tmp_path), "~"):
        with pytest.raises(ConfigError, match=r"config must be a file, or its text; got '.+'\. It is a folder"):
            read(folder)


def test_what_a_reading_says_is_said_in_chinese():
    """Notes, refusals with their advice and a parser's own words, and the dialects' conventions."""
    found = read({"lr_scheduler_type": "cosine", "warmup_steps": 1.5, "max_steps": 100})
    assert [tell(note, "zh") for note in found.notes] == [
        "learning_rate 沿用 transformers 的默认值 5e-5",
        "transformers 5 把 warmup_steps=1.5 当作 1 步，而不是比例",
        "最后一步之后 transformers 的学习率会重新上升；这里保持终值",
    ]
    asked = [
        ("torch", "CosineAnnealingLR(optimizer, T_max=9, eta_mni=1e-6)", "你是否想写 'eta_min'？", "请改正或删去它。"),
        ("torch", "StepLR(*arguments)", "config 必须是 Python 的调用和赋值", "'StepLR(*arguments)' 用星号隐藏了参数。"),
        ("megatron", {"lr_decay_style": "cosine"}, "train_iters 必须在文件中给出", "请给出 total=（--updates）。"),
    ]
    for name, config, *pieces in asked:
        with pytest.raises(ConfigError) as caught:
            read(config, name, peak=1.0, total=None)
        assert all(piece in tell(caught.value, "zh") for piece in pieces), tell(caught.value, "zh")
    assert tell(dialect("torch").convention, "zh").startswith("第 n 步取 last_epoch = n 时的值")


def test_what_a_yaml_parser_says_stays_in_its_words():
    """Inside a refusal in Chinese."""
    with pytest.raises(ConfigError) as caught:
        read("a: [", "transformers", peak=1.0, total=None)
    told = tell(caught.value, "zh")
    assert "config 必须是 YAML，实际是" in told
    assert "expected the node content" in told


def test_what_is_written_is_compared_at_every_update_and_so_is_bounded():
    """A run of more than that is refused before it is laid out."""
    schedule = get_schedule("cosine", warmup=100, total=10**12)
    with pytest.raises(
        ConfigError, match=r"total must be at most 20,000,000 updates; got 1000000000000\. Every update is"
    ):
        write(schedule, "transformers", total=10**12)
