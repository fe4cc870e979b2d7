"""Files are written whole: for readers, beside other writers, and where a write was killed."""

import multiprocessing

from preheat.files import replacing, unfinished


def test_writers_of_one_file_do_not_meet(tmp_path):
    """Four at once: none fails, and a reader finds what one of them wrote, whole."""
    target = tmp_path / "table"
    target.write_text("0" * 100_000)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_often, args=(target, str(number))) for number in range(1, 5)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        read = target.read_text()
        assert read == read[0] * 100_000
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def _write_often(target, digit):
    for _ in range(200):
        with replacing(target) as beside, beside.open("w") as file:
            for _ in range(10):
                file.write(digit * 10_000)
                file.flush()


def test_what_a_kill_leaves_is_known_by_its_name(tmp_path):
    """The file beside, and no other."""
    with replacing(tmp_path / "report.html") as beside:
        beside.touch()
        assert unfinished(beside.name)
    assert not unfinished("report.html")
    assert not unfinished(".lock")
