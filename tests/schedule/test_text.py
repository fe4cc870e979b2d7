"""Schedules in words: what reads, what is refused and where, files."""

import json

import pytest

import preheat
from preheat.messages.languages import tell


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("warmup 10% > hld 70%", "At column 14: expected .*, found 'hld'. Did you mean 'hold'"),
        ("warmup 10 >", "At column 12: expected a phase, but the text ends"),
        ("cosine 10 to x", "At column 14: expected a number, found 'x'"),
        ("cosine(speed=1) 10", "one that cosine takes; got 'speed'. Known: cycles, power, k"),
        ("until(cosine 10)", r"In until\(...\) updates is missing; its options are updates"),
        ("repeat(cosine 10, often=3)", r"'often' is unknown; its options are times, growth, scale, floor"),
        ("clip()", r"In clip\(...\) a schedule is missing"),
        ("repeat(cosine 10, cosine 10)", r"repeat\(...\) takes one schedule and was given 2"),
        ("__import__('os')", "At column 1: expected .*, found '__import__'"),
        ("cosine 10; linear 10", "At column 10: expected .*, found ';'"),
        ("warmup 120%", "length must be at most 100%"),
        ("warmup 1.5 > cosine", "length must be a length; got '1.5'"),
        ("(" * 60 + "cosine 10", "At column 51: more than 50 brackets in brackets"),
        ("", "At column 1: expected a phase, but the text ends"),
        (3, "text must be a schedule in words; got 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(text, message):
    """The column, what stands there, and what should."""
    with pytest.raises(preheat.ScheduleError, match=message):
        preheat.parse(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("warmup 10%>hold  70% > 1-sqrt to 0", "warmup 10% > hold 70% > 1-sqrt to 0"),
        ("native: warmup 100 updates > cosine rest", "warmup 100 > cosine to 0"),
        ("transformers: warmup 10 > linear 90", "transformers: warmup 10 > linear 90 to 0"),
        ("warmup linear 5 from 0.0 to 1.0 > hold forever", "warmup 5 > hold forever"),
        ("warmup 5 from lr 1e-6 > cosine 5 to lr 0.000001", "warmup 5 from lr 1e-06 > cosine 5 to lr 1e-06"),
        ("polynomial(power=0.5) 10", "sqrt 10 to 0"),
        ("((warmup 1 epoch) > linear)", "warmup 1 epochs > linear to 0"),
        ("0.5 * (cosine 10)", "0.5 * cosine 10 to 0"),
        ("(transformers: warmup 3) > cosine 3", "(transformers: warmup 3) > cosine 3 to 0"),
        ("warmup 1_000 > linear 1e3", "warmup 1000 > linear 1000 to 0"),
        ("function('math:log1p', length=10)", 'function(path="math:log1p", length=10)'),
        ("hold forever * plateau(mode=max, factor=0.5)", "hold forever * plateau(factor=0.5, mode=max)"),
    ],
)
def test_texts_have_one_canonical_form(text, canonical):
    """And that reads back as the same schedule."""
    schedule = preheat.parse(text)
    assert str(schedule) == canonical
    assert preheat.parse(str(schedule)) == schedule


def test_functions_are_named_by_their_import_path():
    """Lambdas, local functions and classes' methods that cannot be found again are refused at construction."""
    import math

    assert preheat.from_function(math.log1p) == preheat.parse('function("math:log1p")')

    def local(position):
        return 1.0

    for function in (lambda position: 1.0, local, 3, None):
        with pytest.raises(preheat.ScheduleError, match="function must be importable by its name"):
            preheat.from_function(function)
    with pytest.raises(preheat.ScheduleError, match="path must be written package.module:name; got 'os.system'"):
        preheat.parse('function("os.system")')
    missing = preheat.parse('function("math:nothing")')  # read without importing anything
    with pytest.raises(preheat.ScheduleError, match="path must be the place of a function"):
        missing(0)


@pytest.mark.parametrize("suffix", [".json", ".toml"])
def test_files_hold_a_schedule(tmp_path, suffix):
    """Written and read back; what is broken, unknown or of another version is refused."""
    schedule = preheat.parse("(warmup 5% > cosine to lr 1e-6) * plateau(patience=2)")
    path = tmp_path / f"schedule{suffix}"
    preheat.save_schedule(schedule, path)
    assert preheat.load_schedule(path) == schedule
    text = path.read_text()
    for broken, message in (
        (text[:-4], "must be readable"),
        (
            text.replace('"version": 1', '"version": 9').replace("version = 1", "version = 9"),
            "version must be 1; got 9",
        ),
    ):
        path.write_text(broken)
        with pytest.raises(preheat.ScheduleError, match=message):
            preheat.load_schedule(path)
    with pytest.raises(preheat.ScheduleError, match="path must be a .json or .toml file"):
        preheat.save_schedule(schedule, tmp_path / "schedule.ini")


def test_data_leaves_defaults_out():
    """So that a field added later changes no fingerprint."""
    assert json.dumps(preheat.parse("warmup 10 > cosine 90").to_dict()) == (
        '{"version": 1, "kind": "phases", "phases": [{"curve": "linear", "length": 10, "start": 0.0, "end": 1.0},'
        ' {"curve": "cosine", "length": 90, "end": 0.0}]}'
    )


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda: preheat.parse("warmup 10 >"),
            "text 必须是调度，实际是 'warmup 10 >'。第 12 列应为阶段，但文字到此结束。",
        ),
        (
            lambda: preheat.parse("repeat(cosine 10, linear 5)"),
            "text 必须是调度，实际是 'repeat(cosine 10, linear 5)'。repeat(...) 只接受一个调度，却给了 2 个。"
            "请用 > 连接它们。",
        ),
        (
            lambda: preheat.parse("warmup 50000 > cosine 10%").over(10_000),
            "预热长度必须不超过现有的 10,000 步，实际是 50000。请缩短它，或增加训练步数。",
        ),
        (
            lambda: preheat.parse("warmup 10% > hold 80%").over(1000),
            "phases 必须合计 1000 步，实际是 '100 + 800 = 900'。"
            "请加长某个阶段，或让某个阶段占用余下的步数（不写长度即可）。",
        ),
        (
            lambda: preheat.get_schedule("wsd", total=100),
            "decay 必须给出（用于 'wsd'），实际是 None。'wsd' 需要 decay。在命令行上：--schedule-options decay=10%",
        ),
        (lambda: preheat.parse("cosine(power=-1) 10"), "power 必须大于 0，实际是 -1。1 是普通的余弦。"),
    ],
)
def test_refusals_in_chinese(ask, said):
    """Whole sentences, the names and values as they were given."""
    with pytest.raises(preheat.ScheduleError) as refused:
        ask()
    assert tell(refused.value, "zh") == said
