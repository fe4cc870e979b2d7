"""What is read from a file, a link, a state or a checkpoint imports and calls nothing."""

import json
import pickle

import pytest

import preheat
from preheat.schedule import base
from preheat.schedule.base import foreign

# Ends the process where it is called: nothing could look like a refusal.
DEADLY = {"version": 1, "kind": "function", "path": "os:_exit"}


def halved(update):
    """A user's own curve."""
    return 0.5**update


PATH = f"{__name__}:halved"


@pytest.fixture(autouse=True)
def named_by_nobody(monkeypatch):
    """As in a process that has just begun."""
    monkeypatch.setattr(base, "_NAMED_BY_CODE", set())


@pytest.mark.parametrize(
    "data",
    [
        DEADLY,
        {"version": 1, "kind": "product", "of": [DEADLY | {"version": 1}, DEADLY]},
        {"version": 1, "kind": "repeat", "of": {"kind": "function", "path": "os:abort", "length": 3}, "times": 2},
        {"version": 1, "kind": "phases", "phases": [{"kind": "function", "path": "os:abort", "length": 3}]},
    ],
)
def test_data_name_no_function(data):
    """At once, wherever in it the function stands."""
    for part in data.get("of", ()) if isinstance(data.get("of"), list) else ():
        part.pop("version", None)
    with pytest.raises(preheat.ScheduleError, match=r"function must be given by code; got 'os:(_exit|abort)'\."):
        preheat.Schedule.from_dict(data)


def test_who_reads_may_hand_functions_over():
    """By the path that the data have; another one stays refused."""
    data = {"version": 1, "kind": "function", "path": PATH}
    assert preheat.Schedule.from_dict(data, functions={PATH: halved})(3) == 0.125
    with pytest.raises(preheat.ScheduleError, match="function must be given by code"):
        preheat.Schedule.from_dict(data, functions={"elsewhere:halved": halved})
    with pytest.raises(preheat.ScheduleError, match="must be a function; got 7"):
        preheat.Schedule.from_dict(data, functions={PATH: 7})


@pytest.mark.parametrize("name", [lambda: preheat.parse(f"function('{PATH}')"), lambda: preheat.from_function(halved)])
def test_what_code_has_named_may_come_back(name):
    """A saved state of its own schedule, say."""
    schedule = name()
    again = preheat.Schedule.from_dict(json.loads(json.dumps(schedule.to_dict())))
    assert again == schedule
    assert again(3) == 0.125
    assert pickle.loads(pickle.dumps(again))(3) == 0.125


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_files_of_a_schedule(suffix, tmp_path):
    """Words and dictionaries alike."""
    path = tmp_path / f"schedule{suffix}"
    preheat.save_schedule(preheat.parse(f"function('{PATH}', length=4)"), path)
    base._NAMED_BY_CODE.clear()
    with pytest.raises(preheat.ScheduleError, match="function must be given by code"):
        preheat.load_schedule(path)
    assert preheat.load_schedule(path, functions={PATH: halved})(1) == 0.5


def test_reading_ends_with_the_reading():
    """Also where it was refused: code may name functions again."""
    with pytest.raises(preheat.ScheduleError), foreign():
        preheat.parse("function('os:abort')")
    assert preheat.parse("function('os:abort')").horizon is None
