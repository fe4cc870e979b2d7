"""What preheat says of real schedules, plans, logs, runs and studies, in Chinese: the same numbers, no English left."""

import re

import pytest

from preheat.messages.languages import tell
from support.message_samples.designs import of_checks, of_plans, of_schedules
from support.message_samples.logs import of_audits
from support.message_samples.runs import of_runs
from support.message_samples.studies import of_studies

HAN = re.compile(r"[\u4e00-\u9fff]")
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")
ENGLISH = re.compile(r"[a-z]{2,} [a-z]{2,}")
KEPT = ("preheat plan", "hold forever", "one cycle", "train row")  # commands, schedules and names of rows


@pytest.mark.parametrize("speaker", ["checks", "schedules", "plans", "audits", "runs", "studies"])
def test_every_sentence_is_chinese_with_its_numbers(speaker, tmp_path, monkeypatch):
    """Every one that arises: Chinese, the same numbers as often, and no English but names."""
    said = {
        "checks": of_checks,
        "schedules": of_schedules,
        "plans": of_plans,
        "audits": lambda: of_audits(tmp_path),
        "runs": lambda: of_runs(tmp_path, monkeypatch),
        "studies": of_studies,
    }[speaker]()
    wrong = []
    for sentence in dict.fromkeys(said):
        chinese = tell(sentence, "zh")
        known = re.sub("|".join(KEPT), "", chinese)
        # A number may be said twice or once; Chinese says "1" where English has a singular.
        numbers = {*NUMBER.findall(sentence), "1"} == {*NUMBER.findall(chinese), "1"}
        if not (HAN.search(chinese) and numbers) or ENGLISH.search(known):
            wrong.append((str(sentence), chinese))
    assert wrong == []
