"""Sentences as data: every one is in every catalogue, with the same gaps."""

import ast
import json
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import numpy as np
import pytest

import preheat
from preheat.errors import ConfigError, PlanError, refusal, unknown_name
from preheat.messages import Message, _, data, in_context, joined, languages, packed, plural, unpacked

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script():
    """``scripts/messages`` as a module."""
    import babel  # which the script needs: where it is not, the file is not among those that are run

    assert babel.__version__
    loader = SourceFileLoader("messages_script", str(ROOT / "scripts" / "messages"))
    module = module_from_spec(spec_from_loader("messages_script", loader))
    loader.exec_module(module)
    return module


@pytest.fixture
def spoken(monkeypatch):
    """A process whose language nobody chose."""
    for variable in ("PREHEAT_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    yield monkeypatch
    languages.speak(None)


def test_every_sentence_is_in_every_catalogue(script):
    """Same gaps, none missing, none left over, none marked as a guess."""
    wrong = [fault for path in script.languages() for fault in script.faults(path)]
    assert wrong == []


def test_sentences_are_literals(script):
    """What a translator cannot find in the source would stay English for ever."""
    wrong = []
    for path in sorted(script.SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "preheat.messages"
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in script.KEYWORDS:
                literals = node.args[:2] if node.func.id in ("plural", "in_context") else node.args[:1]
                if not all(isinstance(one, ast.Constant) for one in literals):
                    wrong.append(f"{path}:{node.lineno}: not a literal")
            inside = ast.walk(node) if isinstance(node, ast.JoinedStr) else ()
            if any(isinstance(one, ast.Call) and getattr(one.func, "id", "") in script.KEYWORDS for one in inside):
                wrong.append(f"{path}:{node.lineno}: an f-string hides the sentence in it from translators")
            if "_" in imported and isinstance(node, ast.Name) and node.id == "_" and isinstance(node.ctx, ast.Store):
                wrong.append(f"{path}:{node.lineno}: _ is the mark of sentences here: name what is not used")
    assert wrong == []


def test_a_translation_whose_gaps_differ_fails_the_build(tmp_path):
    """In a copy of what a build needs."""
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
    catalogue = tmp_path / "src" / "preheat" / "messages" / "zh.po"
    catalogue.write_text(catalogue.read_text().replace("尚未安装 {module}", "尚未安装 {modul}"))
    done = subprocess.run([sys.executable, "scripts/messages", "compile"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "zh.po: the gaps differ: '{module} is not installed: {install}'" in done.stderr
    assert not catalogue.with_suffix(".mo").exists()


def test_a_message_is_its_english_form():
    """To programs it is text; its parts are there beside it, and survive a pickle."""
    message = _("{n:,} of {rate!r} in {where}", n=1200, rate=np.float64(0.5), where=Path("a"))
    assert message == "1,200 of 0.5 in a"
    assert json.dumps(message) == '"1,200 of 0.5 in a"'
    again = pickle.loads(pickle.dumps(message))
    assert (again, again.id, again.arguments) == (message, message.id, message.arguments)
    assert data(message) == {"id": message.id, "arguments": {"n": 1200, "rate": 0.5, "where": "a"}}


def test_an_error_says_its_id_and_arguments():
    """Python's text stays English whatever the reader speaks."""
    with pytest.raises(PlanError) as caught:
        preheat.Plan(examples=0, batch_size=2, epochs=1)
    error = pickle.loads(pickle.dumps(caught.value))
    assert "{name}" in error.id
    assert error.arguments["value"] == 0
    assert str(error) == str(caught.value)
    assert languages.tell(error, "zh") != str(error)


def test_pieces_are_told_in_the_same_language():
    """Nested, joined and counted."""
    parts = [_("none"), joined(", ", ["a", "b"])]
    assert joined("; ", parts) == "none; a, b"
    assert languages.tell(joined("; ", parts), "zh") == "无；a、b"
    assert [plural("{n} thing", "{n} things", n) for n in (0, 1, 2)] == ["0 things", "1 thing", "2 things"]


def test_a_message_outlives_its_process():
    """As data in a file it keeps all of its pieces: plurals, numbers that JSON has not, refusals, rows."""
    near = plural("{n} update after {happened} (update {at})", "{n} updates after {happened} (update {at})", 3,
                  happened=_("the warm-up ended"), at=100)  # fmt: skip
    refused = refusal("text", _("text that is not empty"), ("", float("inf")), _("Leave it out."))
    text = joined("; ", [near, "a = b", refused, _("the loss is {loss} before any step", loss=float("inf"))])
    again = unpacked(json.loads(json.dumps(packed(text), allow_nan=False)))
    assert again == text
    assert languages.tell(again, "zh") == languages.tell(text, "zh")
    assert "在预热结束（第 100 步）之后 3 步；a = b；text 必须是非空文本" in languages.tell(again, "zh")


def test_what_a_catalogue_lacks_is_english():
    """The sentence only, not what is around it."""
    lacking = Message("nobody ever said {this}", {"this": _("none")})
    assert languages.tell(lacking, "zh") == "nobody ever said none"
    assert languages.tell(in_context("nowhere", "none"), "zh") == "none"


@pytest.mark.parametrize(
    ("setting", "language"),
    [
        ({}, None),
        ({"LANG": "C"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "C", "PREHEAT_LANG": "zh-Hans"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "PREHEAT_LANG": "en"}, "en"),
    ],
)
def test_the_readers_language(spoken, setting, language):
    """PREHEAT_LANG, else the locale as gettext looks for it."""
    for variable, value in setting.items():
        spoken.setenv(variable, value)
    assert languages.reader() in ([language] if language else languages.LANGUAGES)
    languages.speak("zh")
    assert languages.reader() == "zh"


def test_a_server_speaks_to_each_reader(spoken):
    """A language inside is its thread's alone, whatever the process speaks; it is over afterwards, also by an error."""

    def fail():
        with languages.speaking("zh"), ThreadPoolExecutor(1) as other:
            assert (languages.reader(), other.submit(languages.reader).result()) == ("zh", "en")
            raise ZeroDivisionError

    languages.speak("en")
    with pytest.raises(ZeroDivisionError):
        fail()
    assert languages.reader() == "en"


def test_an_unknown_language_is_refused(spoken):
    """With those there are."""
    for ask in (lambda: languages.speak("fr"), languages.reader):
        spoken.setenv("PREHEAT_LANG", "fr")
        with pytest.raises(ConfigError, match=r"must be a language that preheat speaks; got 'fr'\. Known: en, zh\."):
            ask()


@pytest.mark.parametrize("content", [None, b"", b"\xde\x12\x04\x95garbage", b"not a catalogue" * 9])
def test_a_broken_catalogue_means_english_and_one_note(content, tmp_path, monkeypatch, caplog):
    """Whatever is wrong with it."""
    monkeypatch.setattr(languages, "__file__", str(tmp_path / "languages.py"))
    languages._templates.cache_clear()
    if content is not None:
        (tmp_path / "zh.mo").write_bytes(content)
    said = ConfigError(refusal("a", _("none"), unknown_name("b", "c", "d", []), ""))
    assert [languages.tell(said, "zh") for _again in range(3)] == [str(said)] * 3
    assert len(caplog.records) == 1
    assert "preheat speaks English" in caplog.text
    languages._templates.cache_clear()


@pytest.mark.parametrize(
    "template", ["{n.__class__}", "{n[0]}", "{n:>999999999}", "{n:999999999d}", "{n:{m}}", "{0}", "{}", "{n"]
)
def test_a_kept_message_reaches_into_nothing(template):
    """Events of a run are read from a file, which may be anybody's."""
    with pytest.raises(ValueError, match="."):
        unpacked({"id": template, "arguments": {"n": 1, "m": "9" * 9, "0": 1}})
    assert (
        unpacked({"id": "{n:,} of {rate:.2%} ({n!r})", "arguments": {"n": 1200, "rate": 0.5}})
        == "1,200 of 50.00% (1200)"
    )
