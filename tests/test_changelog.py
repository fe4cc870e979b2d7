"""The changelog is what towncrier makes of the fragments: ``python tests/test_changelog.py`` writes it anew."""

import subprocess
import sys
import tomllib
from pathlib import Path

from preheat.files import replacing

ROOT = Path(__file__).parent.parent
CHANGELOG = ROOT / "CHANGELOG.md"
FRAGMENTS = [path for path in sorted((ROOT / "changelog.d").iterdir()) if path.name != "README.md"]
HEADING = "## Unreleased"
# Releases stand below it; towncrier puts the next one there.
MARK = "<!-- towncrier release notes start -->"


def draft():
    """What the next release will say of the fragments that are there, under the heading of what is not released."""
    words = ["towncrier", "build", "--draft", "--version", "0", "--date", "2026-01-01"]
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    heading, _, rest = done.stdout.partition("\n")
    assert heading == "## 0 (2026-01-01)"
    return f"{HEADING}\n{rest.rstrip()}\n\n"


def changelog():
    """The whole file, with the draft between its introduction and the releases."""
    text = CHANGELOG.read_text(encoding="utf-8")
    introduction, _, rest = text.partition(HEADING)
    return introduction + draft() + rest[rest.index(MARK) :]


def test_changelog_is_what_towncrier_makes_of_the_fragments():
    """Every fragment is in the file, in its group, without a network."""
    said = "if this is meant: python tests/test_changelog.py"
    assert CHANGELOG.read_text(encoding="utf-8") == changelog(), said


def test_every_fragment_is_of_a_group_and_told():
    """A file that towncrier would pass over in silence is noticed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {entry["directory"] for entry in project["tool"]["towncrier"]["type"]}
    assert {path.name: path.name.split(".")[1] for path in FRAGMENTS if path.name.split(".")[1] not in groups} == {}
    told = " ".join(draft().split())
    assert [path.name for path in FRAGMENTS if " ".join(path.read_text(encoding="utf-8").split()) not in told] == []
    text = (ROOT / "changelog.d" / "README.md").read_text(encoding="utf-8")
    assert all(group in text for group in groups)


if __name__ == "__main__":
    new = changelog()
    with replacing(CHANGELOG) as beside:
        beside.write_text(new, encoding="utf-8")
