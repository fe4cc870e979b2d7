"""Look at what was built: ``scripts/package`` runs this, on files and inside the environments that it makes.

built_packages.py files EXPORT WHEEL SDIST    # what is in them, held against the tree they were built from
built_packages.py same WHEEL WHEEL            # the same files, byte for byte
built_packages.py imports [PACKAGE...]        # every module of preheat.PACKAGE loads; of all if none
"""

import importlib
import pkgutil
import re
import sys
import tarfile
import zipfile
from pathlib import Path


def files(export, wheel, sdist):
    """The wheel is the package with its data, the license and the metadata; the sdist is what builds and tests it."""
    tree = {path.relative_to(export).as_posix() for path in Path(export).rglob("*") if path.is_file()}
    package = {name.removeprefix("src/") for name in tree if name.startswith("src/")}
    assert "preheat/py.typed" in package
    assert any(name.endswith(".jinja") for name in package)
    inside = set(zipfile.ZipFile(wheel).namelist())
    about = {name for name in inside if ".dist-info/" in name}
    same_names("wheel", inside - about, package)
    wanted = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
    same_names("wheel's metadata", {name.partition("/")[2] for name in about}, wanted)

    with zipfile.ZipFile(wheel) as opened:
        (metadata,) = (opened.read(name).decode() for name in about if name.endswith("/METADATA"))
    _, _, description = metadata.partition("\n\n")
    lost = re.findall(r"\]\((?!https?://|#)[^)]*\)", description)
    if lost or "import preheat" not in description:
        sys.exit(f"the description must stand without the checkout; it has {lost or 'no example'}")

    with tarfile.open(sdist) as opened:
        inside = {name.partition("/")[2] for name in opened.getnames()}
    folders = ("src/", "tests/", "docs/", "scripts/", "constraints/", "changelog.d/")
    # Compiled catalogues are the wheel's alone: whoever builds from the sdist compiles them.
    needed = {name for name in tree if name.startswith(folders) and not name.endswith(".mo")}
    beside = {name for name in tree if "/" not in name and name.endswith(".md")}
    beside |= {"LICENSE", "hatch_build.py", "pyproject.toml"}
    same_names("sdist", inside - {".gitignore", "PKG-INFO"}, needed | beside)


def same_names(what, got, wanted):
    """Leave with the names that are missing or not meant to be there."""
    if got != wanted:
        missing, surplus = sorted(wanted - got), sorted(got - wanted)
        sys.exit(f"the {what} must hold the files of the tree; missing {missing}, and not meant to be there {surplus}")


def same(wheel, other):
    """What the sdist builds is what the tree builds."""
    first, second = (
        {name: opened.read(name) for name in opened.namelist()} for opened in map(zipfile.ZipFile, (wheel, other))
    )
    same_names("wheel of the sdist", set(first), set(second))
    different = [name for name in first if first[name] != second[name]]
    if different:
        sys.exit(f"the wheel of the sdist must be that of the tree; they differ in {different}")


def imports(*packages):
    """Every module can be imported with what is installed: what else it needs is loaded when it is used."""
    import preheat

    wanted = re.compile(rf"preheat\.({'|'.join(packages)})(\.|$)" if packages else "")
    names = [module.name for module in pkgutil.walk_packages(preheat.__path__, "preheat.") if wanted.match(module.name)]
    for name in names:
        importlib.import_module(name)
    print(f"{len(names)} modules of {preheat.__path__[0]} load")


if __name__ == "__main__":
    {"files": files, "same": same, "imports": imports}[sys.argv[1]](*sys.argv[2:])
