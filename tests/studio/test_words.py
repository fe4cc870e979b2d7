"""Every word in both languages."""

import re
from pathlib import Path

import preheat
from preheat.studio.words import Words

SOURCE = Path(preheat.__file__).parent
HAN = re.compile(r"[\u4e00-\u9fff]")


def test_both_languages_have_every_word():
    """None is empty; Chinese ones are Chinese."""
    english, chinese = Words("en"), Words("zh")
    assert set(english) == set(chinese)
    assert all(english.values())
    assert [key for key, word in chinese.items() if not HAN.search(word)] == ["colon", "cell.margin"]
    assert [key for key, word in english.items() if HAN.search(word)] == []


def test_every_word_is_used():
    """No page names a word that is not there, and none is left over."""
    folder = SOURCE / "studio"
    source = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py") if path.name != "words.py")
    made = set(re.findall(r"""f["']([a-z]+\.)\{""", source))  # f"kind.{...}" and the like
    unused = [
        key
        for key in Words("en")
        if f'"{key}"' not in source and f"'{key}'" not in source and not key.startswith(tuple(made))
    ]
    assert set(unused) <= {"error", "warning"}  # severities of findings
