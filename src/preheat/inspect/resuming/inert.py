"""Reading what torch.save and pickle wrote, without running any of it.

A pickle is a program that may call anything it names. Here every name gives an inert stand-in that keeps what it is
called with; only plain containers and numbers are real. Tensors are stand-ins too; of those with a single number the
number is read.

Formats  torch's zip archive (``<name>/data.pkl``, numbers in ``<name>/data/<key>``), its older run of pickles, and a
         plain pickle.
"""

from __future__ import annotations

import collections
import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from preheat.errors import DataError, refusal

_LARGEST = 1 << 30  # bytes of the pickle itself; weights are not in it
_LEGACY = 0x1950A86A20F9469CFC6C  # what torch wrote before 1.6 begins with
_FORMATS = {
    "FloatStorage": "<f",
    "DoubleStorage": "<d",
    "LongStorage": "<q",
    "IntStorage": "<i",
    "float32": "<f",
    "float64": "<d",
    "int64": "<q",
    "int32": "<i",
}
_REAL: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): lambda *_: {},
    ("collections", "Counter"): collections.Counter,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "list"): list,
    ("builtins", "dict"): dict,
    ("builtins", "tuple"): tuple,
    ("builtins", "int"): int,
    ("builtins", "float"): float,
    ("builtins", "bool"): bool,
    ("builtins", "str"): str,
    ("builtins", "complex"): complex,
}


class Inert:
    """A stand-in for an object of a class, or the result of a function, that a pickle names.

    Attributes:
        name: what the pickle names.
        args: what it was to be called with.
        fields: what its attributes were to be.
    """

    name = ""
    args: tuple[Any, ...] = ()
    fields: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, *args: Any, **_: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.fields = state if isinstance(state, dict) else {"state": state}

    def __setitem__(self, _key: Any, _value: Any) -> None:
        """What stands in for a dictionary keeps nothing."""

    def append(self, _item: Any) -> None:
        """What stands in for a list keeps nothing."""

    def extend(self, _items: Any) -> None:
        """What stands in for a list keeps nothing."""


class _Reader(pickle.Unpickler):
    """Unpickles with stand-ins for every name."""

    def __init__(self, file: BinaryIO, archive: zipfile.ZipFile | None = None, root: str = "") -> None:
        super().__init__(file)
        self.archive, self.root = archive, root

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _REAL:
            return _REAL[module, name]
        if (module, name) in (("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter")):
            return self._tensor
        return type(name.rpartition(".")[2] or "Inert", (Inert,), {"name": f"{module}.{name}"})

    def persistent_load(self, pid: Any) -> Any:
        return pid

    def _tensor(self, storage: Any, *about: Any) -> Any:
        """The number in a tensor that has one; None for any other."""
        if isinstance(storage, (int, float)) or storage is None:  # a parameter around a tensor
            return storage
        offset, size = about[0], about[1]
        if self.archive is None or not isinstance(storage, tuple) or len(storage) < 3 or size not in ((), (1,)):
            return None
        layout = _FORMATS.get(getattr(storage[1], "name", "").rpartition(".")[2])
        if layout is None:
            return None
        data = self.archive.read(f"{self.root}data/{storage[2]}")
        return struct.unpack_from(layout, data, int(offset) * struct.calcsize(layout))[0]


def read_inert(path: Path) -> Any:
    """The data in a file that torch.save or pickle wrote; nothing in it is run.

    Raises:
        DataError: if it is no such file, or a damaged one.
    """
    try:
        if zipfile.is_zipfile(path):
            return _from_archive(path)
        with path.open("rb") as file:
            first = _Reader(file).load()
            if first == _LEGACY:
                for _ in range(2):  # protocol and machine
                    _Reader(file).load()
                return _Reader(file).load()
            return first
    except OSError as error:
        raise DataError(refusal("checkpoint", "a file that can be read", str(path), f"{error.strerror}.")) from error
    except Exception as error:  # a damaged pickle raises whatever it meets
        advice = f"It is damaged, or nothing that torch wrote ({type(error).__name__}: {error})."
        raise DataError(refusal("checkpoint", "what torch.save or pickle writes", str(path), advice)) from error


def _from_archive(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        name = next((name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"), None)
        if name is None:
            raise DataError(refusal("checkpoint", "a torch archive", str(path), "It has no data.pkl."))
        if archive.getinfo(name).file_size > _LARGEST:
            raise DataError(refusal("checkpoint", f"below {_LARGEST:,} bytes beside its weights", str(path), "."))
        return _Reader(io.BytesIO(archive.read(name)), archive, name.removesuffix("data.pkl")).load()


def plain(value: Any) -> Any:
    """Containers and numbers as they are; of a stand-in for an enumeration its value, of any other its fields."""
    if isinstance(value, Inert):
        if value.fields:
            return {str(name): plain(item) for name, item in value.fields.items()}
        return plain(value.args[0]) if len(value.args) == 1 else None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if isinstance(key, (str, int))}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else None
