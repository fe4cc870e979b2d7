"""``preheat check``, ``preheat diff`` and schedules in words on the command line."""

import json

import pytest

from preheat.cli.main import run


def called(capsys, *words):
    """Exit code and output of a command, run in this process."""
    with pytest.raises(SystemExit) as ended:
        run(list(words))
    return ended.value.code, capsys.readouterr().out


def test_check_exits_1_for_errors_and_for_warnings_if_strict(capsys):
    """A sound schedule, a careless one, a useless one."""
    code, out = called(capsys, "check", "warmup 10% > cosine", "--updates", "1000")
    assert code == 0
    assert out.endswith("nothing found\n")
    careless = ("check", "linear", "--warmup", "100", "--updates", "1000")
    code, out = called(capsys, *careless)
    assert code == 0
    assert "[first-update-at-zero]" in out
    assert called(capsys, *careless, "--strict")[0] == 1
    code, out = called(capsys, "check", "warmup 100 > linear 900", "--updates", "50", "--lr", "1e-3", "--json")
    assert code == 1
    finding = json.loads(out)[0]
    assert "warm-up" in finding.pop("id")
    assert isinstance(finding.pop("arguments"), dict)
    assert finding == {
        "code": "warm-up-not-finished",
        "severity": "error",
        "message": "the warm-up of 100 updates is not over after 50: the highest rate is 0.0005",
        "advice": "Shorten it, or plan more updates.",
    }


def test_check_takes_the_horizon_apart_from_the_run(capsys):
    """A debug run of 50 updates with the rates of the long one."""
    _, out = called(capsys, "check", "cosine", "--updates", "50", "--horizon", "10000", "--warmup", "20")
    assert "the run stops after 50 of 10000 updates" in out


def test_diff_exits_0_for_the_same_and_1_for_others(capsys):
    """As diff does."""
    same = ("diff", "warmuplinear", "transformers: warmup 10% > linear", "--updates", "3600")
    assert called(capsys, *same) == (0, "no difference over 3600 updates\n")
    code, out = called(capsys, "diff", "warmuplinear", "warmupcosine", "--json")
    assert code == 1
    assert json.loads(out)["first"] == 101


def test_show_takes_words_and_writes_html(capsys, tmp_path):
    """Named and written schedules in one drawing; a page without scripts."""
    code, out = called(capsys, "show", "warmup 10% > cosine to 0.1", "warmuplinear", "--updates", "500", "--log")
    assert code == 0
    assert "share of the peak by update, logarithmic" in out
    path = tmp_path / "curve.html"
    assert called(capsys, "show", "warmup 10% > cosine to lr 1e-6", "--lr", "1e-4", "--save", str(path))[0] == 0
    page = path.read_text(encoding="utf-8")
    assert "<svg" in page
    assert "then held at 1e-06" in page
    assert "<script" not in page
