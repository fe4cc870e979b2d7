"""The command line as a Chinese reader has it: real processes, whole screens, and no English sentence on any."""

import json
import os
import re
import subprocess
import sys

import pytest

from preheat.cli.command import wrapped
from preheat.messages import cells, languages
from support import chinese_screens
from support.warm_process import WarmProcess


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A call of ``preheat`` by its words: what it shows where ``PREHEAT_LANG`` is zh; and the folder they run in."""
    folder = tmp_path_factory.mktemp("screens")
    chinese_screens.write_files(folder)
    process = WarmProcess(*chinese_screens.LOADED, environment={"PREHEAT_LANG": "zh"})

    def call(*calls):
        return dict(chinese_screens.screens(process, calls, folder))

    call.folder = folder
    yield call
    process.close()


def test_the_counter_finds_sentences_and_nothing_else():
    """Sentences and labels of three words; no names, flags, commands, paths or schedules."""
    assert chinese_screens.english("预热 of the whole run 100 步") == ["of the whole run"]
    assert chinese_screens.english("note: the warm-up's end is late, and more") == [
        "note: the warm-up's end is late, and more"
    ]
    for fine in (
        "warmup 100 > hold > linear 20% to 0：最佳峰值",
        "示例：preheat show a b c d\n  e f g\n\n之后",
        "写成 .png、.svg 或 .pdf；JSON Lines，CSV TSV",
        "详见 preheat train --help。'some words of somebody' `code of any kind`",
        "runs/news/log.csv 已写入 lr.png transformers torch",
    ):
        assert chinese_screens.english(fine) == []


def test_every_help_page_is_chinese(shown):
    """Headings, arguments, flags with their defaults, examples; within 80 cells."""
    pages = shown(*chinese_screens.help_pages())
    assert chinese_screens.left(pages.items()) == {}
    for name, page in pages.items():
        assert page.startswith("用法：preheat"), name
        assert "\n选项：\n" in page, name
        assert "显示本帮助并退出。" in page, name
        # A word that no line has room for, a long flag with its metavar, may stand out.
        assert all(cells(line) <= 80 for line in page.splitlines() if " " in line.strip()), name
    assert "\n命令：\n  show          画出一个调度，或把几个调度画在一张图里。\n" in pages["--help"]
    assert "\n  run     完成对比实验目录中缺少的训练，并打印报告。\n" in pages["study --help"]
    plan = pages["plan --help"]
    assert "\n  示例：preheat plan --examples 3821 --batch-size 32 --epochs 30 --warmup 10%\n" in plan
    assert "\n  --batch-size ROWS           单个进程一批的行数。  [必填]\n" in plan
    assert "\n  --accumulation BATCHES      每次更新累积的批数。  [默认：1]\n" in plan
    assert "\n参数：\n  SCHEDULE  调度的名称，或用文字写出的调度。\n" in pages["check --help"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("show linear --lr 0,001", "lr 必须是数，实际是 '0,001'。小数点请用“.”：0.001。详见 preheat show --help。"),
        ("plan --examples 5", "batch-size 必须给出，实际是 None。请加上 --batch-size ROWS。详见 preheat plan --help。"),
        ("show linear --lang fr", "lang 必须是 preheat 支持的语言，实际是 'fr'。可用的有：en、zh。"),
        ("show --updates 9", "SCHEDULE 必须给出，实际是 None。用法：preheat show [OPTIONS] SCHEDULE..."),
        ("diff a b c", "属于同一个参数的文字请加引号。用法：preheat diff [OPTIONS] SCHEDULE SCHEDULE"),
        ("show linear --save nowhere/a.csv", "preheat：没有这个文件或目录：nowhere/"),
    ],
)
def test_refusals_are_one_chinese_sentence(shown, words, said):
    """In the form that every refusal has."""
    (screen,) = shown(words.split()).values()
    assert said in screen
    assert screen.startswith("preheat：")
    assert screen.count("\n") == 1


def test_answers_and_refusals_are_chinese(shown):
    """Plans, checks, audits with their page, conversions, scores and transfers."""
    screens = shown(*chinese_screens.REFUSED, *chinese_screens.ANSWERED)
    assert chinese_screens.left(screens.items()) == {}


def test_a_classifier_of_chinese_rows_is_trained_in_chinese(shown):
    """Its plan, its progress, its result, its report; what programs read of it stays as it is."""
    screens = shown(*chinese_screens.TRAINED)
    assert chinese_screens.left(screens.items()) == {}
    trained = screens[" ".join(chinese_screens.TRAINED[1])]
    assert re.search(r"测试集准确率 [01]\.\d{4}，宏平均 F1 [01]\.\d{4}\n", trained)
    assert "\n训练目录 run；学习率曲线 run/lr.png\n" in trained
    run = shown.folder / "run"
    assert '<html lang="zh-CN">' in (run / "report.html").read_text(encoding="utf-8")
    assert (run / "lr.png").stat().st_size > 5000
    log = [json.loads(line) for line in (run / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    assert all(key.isascii() for row in log for key in row)
    assert "体育" in screens["classify --run run 球队进球"] or "财经" in screens["classify --run run 球队进球"]


def test_json_is_english_whoever_reads_it(shown):
    """With the sentence's id and arguments beside it."""
    words = ["check", "warmup 100 > linear 900", "--updates", "50", "--json"]
    (screen,) = shown(words).values()
    finding = json.loads(screen)[0]
    assert finding["message"].startswith("the warm-up of 100 updates is not over after 50")
    assert finding["id"].format(**finding["arguments"]) == finding["message"]


def preheat(*words, **environment):
    """A process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PREHEAT"))}
    return subprocess.run(
        [sys.executable, "-m", "preheat", *words], env=clean | environment, capture_output=True, encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("words", "environment", "chinese"),
    [
        (["show", "--lang", "zh", "--help"], {}, True),
        (["--lang=zh", "--help"], {}, True),
        (["show", "--help", "--lang", "en"], {"PREHEAT_LANG": "zh"}, False),
        (["--help"], {"LANG": "zh_CN.UTF-8"}, True),
        (["--help"], {"LANG": "de_DE.UTF-8"}, False),
        (["--help"], {}, False),
        (["--lang", "zh", "--help"], {"PREHEAT_LANG": "fr"}, True),  # asked for, whatever the surroundings say
        (["--help"], {"LANG": "zh_CN.UTF-8", "PYTHONIOENCODING": "ascii"}, False),  # no letters for it
    ],
)
def test_the_language_is_the_flags_or_the_variables_or_the_locales(words, environment, chinese):
    """Wherever the flag stands."""
    done = preheat(*words, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("用法：" if chinese else "Usage: ")


def test_a_language_of_the_surroundings_that_is_unknown_is_refused():
    """In English, since there is no other, and with those there are."""
    done = preheat("plan", "--help", PREHEAT_LANG="fr")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("preheat: PREHEAT_LANG must be a language that preheat speaks; got 'fr'. Known: en, zh.\n")


def test_words_after_two_dashes_are_another_programs(tmp_path):
    """``watch`` hands them on; what it starts speaks the language too."""
    (tmp_path / "script.py").write_text("import os, sys; print(sys.argv[1:], os.environ['PREHEAT_LANG'])")
    words = ["watch", "--lang", "zh", "--", sys.executable, str(tmp_path / "script.py"), "--lang", "fr"]
    done = preheat(*words)
    assert done.stdout == "['--lang', 'fr'] zh\n"
    assert "没有看到任何 torch 优化器的更新" in done.stderr


def test_a_command_in_this_process_leaves_no_language_behind(cli, monkeypatch):
    """Of tests, and of programs that call the command line."""
    monkeypatch.delenv("PREHEAT_LANG")
    monkeypatch.setenv("LANG", "C")
    assert cli("show", "--lang", "zh", "--help")[1].startswith("用法：")
    assert "PREHEAT_LANG" not in os.environ
    assert languages.reader() == "en"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("学习率", 4, ["学习", "率"]),
        ("步，步，步", 4, ["步，", "步，", "步"]),  # no line begins with a comma
        ("（步）", 4, ["（步）"]),  # nor ends with what opens a bracket
        ("a-long-flag 之后", 8, ["a-long-flag", "之后"]),
        ("见 preheat", 10, ["见 preheat"]),
        ("", 10, [""]),
    ],
)
def test_lines_are_broken_by_cells(text, width, lines):
    """Chinese signs are two cells wide."""
    assert wrapped(text, width) == lines
