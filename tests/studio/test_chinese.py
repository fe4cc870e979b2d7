"""Everything the floors below say on the studio's pages has a Chinese form, with the same numbers."""

import ast
import fnmatch
import re
from collections import Counter
from pathlib import Path

import pytest

import preheat
from preheat.studio.chinese import AUDITS, CHECKS, PLANS, RUNS, SCHEDULES, STUDIES, Sayings
from support.message_samples.designs import of_checks, of_plans, of_schedules
from support.message_samples.logs import of_audits
from support.message_samples.runs import of_runs
from support.message_samples.studies import of_studies

SOURCE = Path(preheat.__file__).parent
HAN = re.compile(r"[\u4e00-\u9fff]")
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")
# Where each speaker's sentences are written; of some modules not all is for pages.
WRITTEN = {
    "checks": {"checking.py": "_nothing_trained _first_update _warmup_length _run_length _end_value _jumps _levels"
               " _metrics _floors_above"},
    "schedules": {"schedule/base.py": "_described_values _described_sums _described_mismatch",
                  "schedule/sequence.py": "_described", "studio/design.py": "copy_as"},
    "plans": {"plan.py": "Plan.explain _explain_batches _explain_updates_per_epoch _explain_updates _explain_epochs"
              " _explain_max_steps _shown"},
    "audits": {"auditing/causes.py": "_say_* _updates",
               "auditing/audits.py": "worded clock_evidence _counted recognise_log _named_groups",
               "auditing/recognition.py": "_with_notes",
               "auditing/logs.py": "read_json_lines from_records _lines _records",
               "studio/pages/audit.py": "_verdict _recognized"},
    "runs": {"lab/training/run_logger.py": "_spike nearest_event _border", "lab/training/session.py": "words",
             "lab/training/loop.py": "_not_made _bad_numbers", "lab/training/report.py": "_rate_at _nearest_border"},
    "studies": {"lab/studies/findings.py": "verdict advice _at_peak _of_range _of_warmup _changed _updates_of_warmup"
                " _early name words boundary",
                "lab/studies/report.py": "_verdict cost_of"},
}  # fmt: skip
SPEAKERS = {"checks": CHECKS, "schedules": SCHEDULES, "plans": PLANS, "audits": AUDITS, "runs": RUNS,
            "studies": STUDIES}  # fmt: skip
# Refusals are English everywhere; this is what else may stand in Chinese sentences: commands and schedules.
ENGLISH = re.compile(r"[a-z]{2,} [a-z]{2,}")
REFUSALS = ("refusal", "DataError", "ConfigError", "BadNumbersError")
KEPT = ("preheat plan", "hold forever", "one cycle", "train row")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """By speaker, every sentence once."""
    with pytest.MonkeyPatch.context() as patch:
        said = {
            "checks": of_checks(),
            "schedules": of_schedules(),
            "plans": of_plans(),
            "audits": of_audits(tmp_path_factory.mktemp("logs")),
            "runs": of_runs(tmp_path_factory.mktemp("runs"), patch),
            "studies": of_studies(),
        }
    return {speaker: list(dict.fromkeys(sentences)) for speaker, sentences in said.items()}


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_every_sentence_has_a_chinese_form_with_its_numbers(spoken, speaker):
    """Chinese, the same numbers as often, and no English but names."""
    wrong = []
    for sentence in spoken[speaker]:
        chinese = SPEAKERS[speaker].of(sentence)
        if chinese is None:
            wrong.append(sentence)
            continue
        known = re.sub("|".join(KEPT), "", chinese)
        numbers = Counter(NUMBER.findall(sentence)) == Counter(NUMBER.findall(chinese))
        if not (HAN.search(chinese) and numbers) or ENGLISH.search(known):
            wrong.append((sentence, chinese))
    assert wrong == []


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_every_sentence_in_the_sources_was_spoken(spoken, speaker):
    """So that a new one is held against the catalog: each piece of text of the sources is in a sentence above."""
    said = "\n".join(spoken[speaker])
    unsaid = [
        piece
        for module, names in WRITTEN[speaker].items()
        for piece in pieces((SOURCE / module).read_text(encoding="utf-8"), names.split())
        if piece not in said
    ]
    assert unsaid == []


def pieces(source, names):
    """Texts of two words or more in functions and methods of these names; documentation and refusals left out.

    A name may be a pattern: of modules where what is said is told by how its functions are called. ``Class.name`` is
    the method of that class alone.
    """
    whole = ast.parse(source)
    for kind in [node for node in whole.body if isinstance(node, ast.ClassDef)]:
        for node in kind.body:
            if isinstance(node, ast.FunctionDef) and f"{kind.name}.{node.name}" in names:
                node.name = f"{kind.name}.{node.name}"
    called = [node.name for node in ast.walk(whole) if isinstance(node, ast.FunctionDef)]
    names = [match for name in names for match in fnmatch.filter(called, name) or [name]]
    alone = {node.name for node in whole.body if isinstance(node, ast.FunctionDef)}
    functions = [
        node
        for place in ast.walk(whole)
        if isinstance(place, ast.Module | ast.ClassDef)
        for node in place.body
        # A name that a function of the module has means that one, not a method of the same name.
        if isinstance(node, ast.FunctionDef) and node.name in names and (node.name not in alone or place is whole)
    ]
    assert {*names} == {node.name for node in functions}, source[:80]
    for function in functions:
        nodes = [*ast.walk(function)]
        refusals = [node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") in REFUSALS]
        others = [node for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
        if refusals:  # what is given to them has these names
            others += [node for node in nodes if isinstance(node, ast.Assign) and _name(node) in ("advice", "rule")]
        left_out = {id(part) for node in (*refusals, *others) for part in ast.walk(node)}
        for node in nodes:
            text = node.value if isinstance(node, ast.Constant) and id(node) not in left_out else None
            if isinstance(text, str) and re.search(r"[A-Za-z]{2,},? +[A-Za-z]{2,}", text):
                yield text


def _name(node):
    return getattr(node.targets[0], "id", "")


def test_what_is_not_known_stays_english():
    """In a whole sentence and inside one; names are kept; the page's language decides."""
    sayings = Sayings({
        "{line:name} wins: {why:said}": "{line} 胜出：{why}",
        "by {many}": "差 {many}",
        "{lines:name; } agree": "{lines} 一致",
        "{schedule:text}, warm-up {updates}": "{schedule}，预热 {updates}",
    })  # fmt: skip
    assert sayings.of("linear, warm-up 1,200 wins: by 1.5e-05") == "linear，预热 1,200 胜出：差 1.5e-05"
    assert sayings.of("linear wins: by luck") is None
    assert sayings.told("linear wins: by luck", "zh") == "linear wins: by luck"
    assert sayings.of("hold; linear, warm-up 10 agree") == "hold；linear，预热 10 一致"
    assert sayings.told("by 0.1 ± 0.02", "zh") == "差 0.1 ± 0.02"
    assert sayings.told("by 0.1 ± 0.02", "en") == "by 0.1 ± 0.02"
    assert sayings.of("by 1,2") is None
