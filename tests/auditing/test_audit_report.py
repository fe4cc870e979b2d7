"""The report of an audit: what it says with a plan and without, where they part, and that it is sound."""

import re
import subprocess
import sys

import numpy as np
import pytest

import preheat
from preheat.auditing.audits import audit, recognise_log
from preheat.auditing.logs import Log, Series, read_log
from preheat.auditing.report import audit_html, recognized_page
from preheat.cli.main import run
from support.logged import write_csv
from support.pages import CHROMIUM, Page, opened, refuse_other_scripts, unreadable, without_library

PLAN = preheat.get_schedule("linear", warmup=20, total=200)
PEAK = 1e-3
HOSTILE = "head</script><img src=x onerror=alert(1)>"
LAGS = np.cumsum([update in (40, 90) for update in range(200)])

# What a run did, by the audit's own name for it; the first update that is not the plan's.
DONE = {
    "equal": (PLAN, None),
    "logged-late": (lambda update: PLAN(update + 1), 0),
    "ahead": (lambda update: PLAN(update + 7), 0),
    "fast-clock": (lambda update: PLAN(4 * update), 1),
    "slow-clock": (lambda update: PLAN(update // 10), 1),
    "skipped-updates": (lambda update: PLAN(int(update - LAGS[update])), 40),
    "other-horizon": (preheat.get_schedule("linear", warmup=20, total=300), 21),
    "other-floor": (preheat.parse("transformers: warmup 20 > linear 180 to 0.1"), 21),
    "frozen": (lambda update: PLAN(min(update, 100)), 101),
    "jump": (lambda update: PLAN(update if update < 120 else update - 100), 120),
    "unexplained": (lambda update: 0.5 + 0.4 * np.sin(update * update), 0),
}


def log_of(tmp_path, rate):
    """A log with every digit of a run of 200 updates."""
    return write_csv(tmp_path / "log.csv", ["update", "lr"], [(k, repr(float(PEAK * rate(k)))) for k in range(200)])


def sound(page):
    """What every report is held to."""
    assert len(page.ids) == len(set(page.ids))
    assert set(page.references()) <= set(page.ids)
    assert all("scope" in header for header in page.all("th"))
    refuse_other_scripts(page)


@pytest.mark.parametrize("kind", DONE)
def test_page_says_what_the_audit_found_and_where_they_part(tmp_path, kind):
    """Verdict, sentence, cause, evidence, the first update off the plan, the plan in words, the log."""
    rate, first = DONE[kind]
    found = audit(log_of(tmp_path, rate), PLAN, lr=PEAK)
    (finding,) = found.findings
    assert (finding.kind, finding.parts) == (kind, first)
    page = Page(audit_html(found))
    sound(page)
    planned = "As planned: every logged rate is the plan's" if first is None else f"Not as planned: {finding.sentence}."
    for words in (
        planned, "Audit of log.csv", *finding.evidence, finding.cause, str(PLAN), f"finding {kind}",
        f"scheduler positions an update moves {finding.scale:g} position of update 0 {finding.offset:g}",
        "updates 20 to 199: linear, 0.001 -> 0", "Peak 0.001, as given.", "CSV.", "lr 200 0 to 199",
    ):  # fmt: skip
        assert " ".join(words.split()) in page.text, words
    assert ("Likely cause, and what to do" in page.text) == bool(finding.cause)
    assert page.text.count("they part, at update") == (first is not None)
    if first is not None:
        assert f"They part at update {first}, the first whose rate is not the plan's: " in page.text
    (chart,) = page.charts
    log, plan, *marks = chart["series"]
    assert [mark["markLine"]["data"][0]["xAxis"] for mark in marks] == ([] if first is None else [first])
    assert [value for _, value in log["data"]] == pytest.approx([PEAK * rate(k) for k in range(200)], rel=1e-6)
    assert dict(plan["data"])[150] == pytest.approx(PEAK * PLAN(150), rel=1e-6)


def test_every_group_has_a_chart_and_names_stay_text(tmp_path):
    """Two groups, of which one was frozen; its name is no code."""
    rows = [(k, PEAK * PLAN(k), PEAK * PLAN(min(k, 60))) for k in range(0, 200, 3)]
    log = write_csv(tmp_path / "log.csv", ["step", "lr/body", f"lr/{HOSTILE}"], rows)
    page = Page(audit_html(audit(log, PLAN, lr=PEAK)))
    sound(page)
    assert f"Not as planned, 1 of 2 groups. lr/{HOSTILE}: frozen: the rate stays at " in page.text
    assert "1 of 2 groups differ" in page.text
    assert "They part update 63" in page.text
    assert len(page.drawings) == len(page.charts) == 2
    assert not page.all("img")
    # A row in three: the curve is known between them too.
    assert len(page.charts[0]["series"][1]["data"]) > len(page.charts[0]["series"][0]["data"]) == 67


def test_peak_left_to_the_log_is_said(tmp_path):
    """Only shapes are compared; the plan is told at the peak found."""
    page = Page(audit_html(audit(log_of(tmp_path, PLAN), PLAN)))
    assert "No peak was given: the plan's shape is compared, at the peak that suits the log best." in page.text
    assert "updates 20 to 199: linear, 0.001 -> 0" in page.text


def test_log_without_a_plan_is_reported(tmp_path):
    """What was recognized, exactly or nearly, and what was not."""
    log = read_log(log_of(tmp_path, DONE["fast-clock"][0]))
    page = Page(recognized_page(log, recognise_log(log)))
    sound(page)
    for words in (
        "Held against no plan: it looks like transformers: warmup 5 > linear 45 to 0, peak 0.001 (every logged rate",
        "updates 5 to 49: linear, 0.001 -> 0",
        "Recognized every logged rate agrees",
    ):
        assert words in page.text, words
    wild = read_log(log_of(tmp_path, DONE["unexplained"][0]))
    page = Page(recognized_page(wild, recognise_log(wild)))
    sound(page)
    assert "Nearest shape the nearest known shape" in page.text
    few = Log(tmp_path / "few.csv", "CSV", (Series("lr", np.array([3]), np.array([0.1]), np.array([1e-9])),),
              notes=("2 rows left out",))  # fmt: skip
    page = Page(recognized_page(few, recognise_log(few)))
    sound(page)
    assert "Lr" not in page.words
    assert "Held against no plan: too few rates above zero to say what they are." in page.text
    assert "None was recognized." in page.text
    assert "2 rows left out" in page.text
    assert page.drawings == page.scripts == []


def test_million_rates_make_a_small_page(tmp_path):
    """Thinned for the eye: below 3 MB with the library in it, and below a third of a megabyte without."""
    steps = np.arange(10**6)
    plan = preheat.get_schedule("cosine", warmup=10**4, total=10**6)
    rates = 1e-3 * plan(steps)
    rates[700_001] = 0.5
    log = Log(tmp_path / "log", "made", (Series("lr", steps, rates, np.full(10**6, 1e-15)),), 0)
    found = audit(log, plan, lr=1e-3)
    assert found.findings[0].parts == 700_001
    text = audit_html(found)
    assert len(text) < 3_000_000
    assert [700_001, 0.5] in Page(text).charts[0]["series"][0]["data"]
    with without_library():
        assert len(audit_html(found)) < 330_000


def test_command_writes_the_page_or_a_picture(tmp_path, capsys):
    """By the name of the file; other kinds are refused before the log is read, earlier files kept."""

    def called(*words):
        with pytest.raises(SystemExit) as ended:
            run([str(word) for word in ("audit", *words)])
        return ended.value.code or 0, capsys.readouterr().err

    log = log_of(tmp_path, DONE["fast-clock"][0])
    plan = ("--against", "linear", "--warmup", 20, "--updates", 200, "--lr", PEAK)
    page = tmp_path / "audit.html"
    code, said = called(log, *plan, "--save", page)
    assert (code, said) == (1, f"wrote {page}\n")
    assert page.read_text(encoding="utf-8") == audit_html(audit(read_log(log), PLAN, lr=PEAK))
    code, said = called(log, "--save", page)
    assert code == 1
    assert "save must be a new file" in said
    assert called(log, "--save", page, "--force") == (0, f"wrote {page}\n")
    assert "Held against no plan" in page.read_text(encoding="utf-8")
    code, said = called(tmp_path / "none.csv", "--save", tmp_path / "audit.txt")
    assert code != 0
    assert "save must be a .html, .png, .svg or .pdf file; got " in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.html", "log.csv"]


def test_report_needs_no_torch_and_no_nicegui(tmp_path):
    """Neither is loaded; the same page comes out."""
    log = log_of(tmp_path, PLAN)
    code = (
        "import sys; sys.modules['torch'] = sys.modules['nicegui'] = None; import preheat;"
        "from preheat.auditing.report import audit_html;"
        f"found = preheat.audit({str(log)!r}, {str(PLAN)!r}, lr=1e-3)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}; sys.stdout.write(audit_html(found))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    with without_library():
        assert done.stdout == audit_html(audit(log, PLAN, lr=PEAK))


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the report opened for real")
def test_page_opens_in_a_browser_and_answers_the_mouse(tmp_path):
    """Plan and log at one update, as the log has it; printed, and without scripts, the drawing."""
    rate = DONE["jump"][0]
    path = tmp_path / "page.html"
    path.write_text(audit_html(audit(log_of(tmp_path, rate), PLAN, lr=PEAK)), encoding="utf-8")
    with opened(path) as report:
        assert report.shown("rates-0") == (True, False)
        assert report.hint("rates-0", 150) == "update 150 log: 8.33333e-4 plan: 2.77778e-4"
        report.page.emulate_media(media="print")
        assert report.shown("rates-0") == (False, True)
        assert (report.asked, report.said) == ([path.as_uri()], [])
    with opened(path, java_script_enabled=False, viewport={"width": 390, "height": 800}) as report:
        assert report.shown("rates-0") == (False, True)
        assert report.page.evaluate("document.documentElement.scrollWidth") == 390
        assert report.said == []


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the report opened for real")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_the_page(tmp_path, scheme):
    """axe-core has nothing serious to say."""
    path = tmp_path / "page.html"
    path.write_text(audit_html(audit(log_of(tmp_path, DONE["jump"][0]), PLAN, lr=PEAK)), encoding="utf-8")
    with opened(path, color_scheme=scheme) as report:
        assert unreadable(report.page) == []


def test_page_in_chinese_has_no_english_but_names(tmp_path):
    """A whole page: what is no name, path, schedule or code is Chinese."""
    path = tmp_path / "log.csv"
    plan = preheat.get_schedule("cosine", warmup=100, total=2000)
    path.write_text("step,lr\n" + "".join(f"{k},{1e-4 * plan(4 * k):.6g}\n" for k in range(480)))
    page = audit_html(preheat.audit(path, plan, lr=1e-4), "zh")
    assert '<html lang="zh-CN">' in page
    assert "与预定调度不一致：每更新一步，调度前进 4 步。" in page
    body = page[page.index("<body>") :]
    body = re.sub(r"<(script|svg|pre|code)\b.*?</\1>", " ", body, flags=re.DOTALL)
    words = set(re.findall(r"[A-Za-z][A-Za-z.]+", re.sub(r"<[^>]*>", " ", body)))
    assert words <= {"log.csv", "lr", "Accelerate", "scheduler.step", "preheat", "scheduler", "CSV"}
