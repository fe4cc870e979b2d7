"""Changes are told in fragments, one file each; a release collects them. As a script: the checks without pytest."""

import importlib.machinery
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FRAGMENTS = [path for path in sorted((ROOT / "changelog.d").iterdir()) if path.name != "README.md"]


def draft():
    """What the next release will say."""
    words = ["towncrier", "build", "--draft", "--version", "0", "--date", "2026-01-01"]
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    heading, _, rest = done.stdout.partition("\n")
    assert heading == "## 0 (2026-01-01)"
    return rest


def test_every_fragment_is_of_a_group_and_told():
    """A file that towncrier would pass over in silence is noticed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {entry["directory"] for entry in project["tool"]["towncrier"]["type"]}
    assert {path.name: path.name.split(".")[1] for path in FRAGMENTS if path.name.split(".")[1] not in groups} == {}
    told = " ".join(draft().split())
    assert [path.name for path in FRAGMENTS if " ".join(path.read_text(encoding="utf-8").split()) not in told] == []
    text = (ROOT / "changelog.d" / "README.md").read_text(encoding="utf-8")
    assert all(group in text for group in groups)


def test_the_changelog_holds_releases_only():
    """What is not released stands in fragments: pull requests that edit the changelog collide with each other."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert "<!-- towncrier release notes start -->" in text
    assert [line for line in headings if "unreleased" in line.lower()] == []


def test_a_tag_that_is_not_the_version_is_not_released():
    """The release workflow asks this script: the version, its section, no fragment left."""
    place = ROOT / "scripts" / "check-release"
    loader = importlib.machinery.SourceFileLoader("check_release", str(place))
    spec = importlib.util.spec_from_loader("check_release", loader)
    script = importlib.util.module_from_spec(spec)
    loader.exec_module(script)
    said = "\n".join(script.problems("v0.0.1"))
    assert "tag must be v" in said
    assert "got 'v0.0.1'" in said
    assert ("changelog.d must be used up" in said) == bool(FRAGMENTS)
    assert "CITATION.cff" not in said, "CITATION.cff has another version than the source"


if __name__ == "__main__":
    test_every_fragment_is_of_a_group_and_told()
    test_the_changelog_holds_releases_only()
