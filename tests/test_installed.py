"""Nothing is skipped for want of a framework: what the suite is about is here, and pinned."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PINNED = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints" / "cpu.txt").read_text(encoding="utf-8"), re.M))
FRAMEWORKS = {
    **{name: name for name in ("torch", "transformers", "accelerate", "lightning", "jax", "optax", "keras", "lrsched")},
    "pytorch_warmup": "pytorch-warmup",
    "datasets": "datasets",
    "distributed": "distributed",
    "pyarrow": "pyarrow",
    "sklearn": "scikit-learn",
}


@pytest.mark.parametrize("module", FRAMEWORKS)
def test_every_framework_is_installed_and_pinned(module):
    """Imported without a question, and in the constraints that CI installs by."""
    importlib.import_module(module)
    assert FRAMEWORKS[module] in PINNED


def test_no_test_passes_over_a_missing_framework():
    """pytest's way to import or else skip is not used anywhere."""
    word = "importor" + "skip"
    assert [str(path) for path in (ROOT / "tests").rglob("*.py") if word in path.read_text(encoding="utf-8")] == []
