"""The studio in a real browser: what only one can show. Screenshots are kept in build/screenshots."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest

import preheat
from preheat.messages.languages import tell
from preheat.studio.frame import NAMES
from support.pages import CHROMIUM, unreadable

ROOT = Path(__file__).parent.parent.parent
SHOTS = ROOT / "build" / "screenshots"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
POINTS = """() => {
  const id = parseInt(document.querySelector('.ph-chart').id.slice(1));
  return getElement(id).chart.getOption().series.map(one => one.data).filter(data => data.length);
}"""
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="SKIPPED FOR WANT OF A BROWSER: install chromium")


@contextmanager
def studio(folder):
    """The address of a studio in a process of its own."""
    command = [sys.executable, "-m", "preheat", "studio", str(folder), "--port", "0", "--no-browser"]
    # NiceGUI serves nothing where it believes itself under pytest.
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name and "NICEGUI" not in name}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
            for _ in range(600):
                with suppress(OSError):
                    urllib.request.urlopen(address, timeout=10).read()
                    break
                assert process.poll() is None, process.stdout.read()
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()
    assert process.returncode in (0, -15)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of runs and studies, at first with neither."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def address(folder):
    """A running studio, answering."""
    with studio(folder) as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    """Debian's own, headless."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        started = player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser, address):
    """A page that may ask the studio and nobody else, and has nothing to say on its console."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900}, locale="en-US")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    outside, said = [], []
    allowed = (address, address.replace("http", "ws"), "data:", "blob:")
    opened.on("request", lambda request: request.url.startswith(allowed) or outside.append(request.url))
    opened.on("console", lambda message: message.type == "error" and said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.said = said
    yield opened
    context.close()
    assert outside == []
    assert said == []


def drawn(page):
    """Wait for the chart; positions and values of each curve as ECharts has them."""
    page.wait_for_selector(".ph-chart svg path", state="attached")
    return [np.array([point for point in data if point[1] is not None]).T for data in page.evaluate(POINTS)]


def shows(page, words):
    """Wait until the field of the first schedule reads ``words``."""
    from playwright.sync_api import expect

    expect(page.get_by_label("Schedule in words, or a name").first).to_have_value(words)


def settled(page):
    """What the field reads when it has stopped changing: moves are sent a few times a second, the last one too."""
    field, before = page.get_by_label("Schedule in words, or a name").first, None
    while (now := field.input_value()) != before:
        before = now
        page.wait_for_timeout(500)
    return now


def equal(curve, words, updates, lr):
    """Whether a drawn curve is the schedule."""
    schedule = preheat.parse(words).over(updates)
    return bool((curve[1] == lr * schedule(curve[0].astype(int))).all())


def shot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def test_designed_by_hand_and_shared(page, browser, address):
    """Drag a border, press keys on another, add a phase, undo; the link shows the same in another browser."""
    page.goto("/?" + urlencode([("s", "warmup 10% > hold 20% > cosine to 0"), ("updates", 1000), ("lr", 0.5)]))
    assert equal(drawn(page)[0], "warmup 10% > hold 20% > cosine to 0", 1000, 0.5)
    strip = page.locator(".ph-strip").bounding_box()
    handle = page.locator(".ph-handle").first.bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + 10)
    page.mouse.down()
    page.mouse.move(strip["x"] + 0.3 * strip["width"], handle["y"] + 12, steps=12)
    page.mouse.up()
    page.wait_for_function("document.querySelector('.ph-handle').getAttribute('aria-valuenow') >= 295")
    dragged = settled(page)
    share = float(re.fullmatch(r"warmup ([\d.]+)% > hold 20% > cosine to 0", dragged)[1])
    assert share == pytest.approx(30, abs=0.5)
    page.locator(".ph-handle").nth(1).focus()
    page.keyboard.press("ArrowRight")
    shows(page, f"warmup {share:g}% > hold 21% > cosine to 0")
    page.get_by_role("button", name="Add decay").click()
    words = f"warmup {share:g}% > hold 21% > cosine to 0 > linear 10% to 0"
    shows(page, words)
    page.locator("body").press("Control+z")
    words = f"warmup {share:g}% > hold 21% > cosine to 0"
    shows(page, words)
    assert equal(drawn(page)[0], words, 1000, 0.5)
    page.wait_for_url(lambda url: "linear" not in url and "21%25" in url)
    shot(page, "design")
    page.locator(".ph-grip").nth(1).drag_to(page.locator(".ph-phase").nth(2))
    shows(page, f"warmup {share:g}% > cosine to 0 > hold 21%")
    page.get_by_role("button", name="Move phase 3 earlier").click()
    shows(page, words)
    slider = page.locator(".ph-slide").first.bounding_box()
    thumb = page.locator(".ph-slide .q-slider__thumb").first.bounding_box()
    page.mouse.move(thumb["x"] + thumb["width"] / 2, thumb["y"] + thumb["height"] / 2)
    page.mouse.down()
    page.mouse.move(slider["x"] + 0.5 * slider["width"], thumb["y"] + thumb["height"] / 2, steps=15)
    page.mouse.up()
    page.wait_for_function("Math.abs(document.querySelector('.ph-handle').getAttribute('aria-valuenow') - 500) < 20")
    page.get_by_role("button", name="Undo").click()
    shows(page, words)
    page.wait_for_url(lambda url: "linear" not in url and f"{share:g}%25" in url)
    other = browser.new_page()
    other.goto(page.url)
    assert equal(drawn(other)[0], words, 1000, 0.5)
    other.close()


def test_typed_and_copied(page, make_optimizer):
    """Words are typed key by key; the code that is copied runs, and uses the rates that were drawn."""
    import torch

    page.goto("/?updates=50&lr=0.25")
    field = page.get_by_label("Schedule in words, or a name")
    field.fill("")
    field.press_sequentially("warmup 20% > linear to 0", delay=5)
    page.wait_for_function("document.querySelector('[role=slider].ph-handle')?.getAttribute('aria-valuenow') == '10'")
    page.wait_for_function("document.body.innerText.includes('warmup 10 > linear 40 to 0')")
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_text("Copied").wait_for()
    code = page.evaluate("navigator.clipboard.readText()")
    names = {"model": torch.nn.Linear(2, 1)}
    exec(code, names)
    for _ in range(50):
        names["model"](torch.ones(1, 2)).sum().backward()
        names["optimizer"].step()
    positions, values = drawn(page)[0]
    assert [names["scheduler"].history[int(at)] for at in positions if at < 50] == values[positions < 50].tolist()


def test_a_million_updates_three_times(page):
    """Three schedules over 10^6 updates: few points travel, all of them true, on a logarithmic axis too."""
    several = ["warmup 10% > cosine to 0", "warmup 10% > hold > 1-sqrt 20% to 0", "warmup 5% > linear to 0.01"]
    page.goto("/?" + urlencode([*(("s", words) for words in several), ("updates", 10**6), ("log", 1)]))
    curves = drawn(page)
    assert len(curves) == 3
    for curve, words in zip(curves, several, strict=True):
        assert len(curve[0]) < 500
        assert equal(curve, words, 10**6, 1e-3)
    shot(page, "design-three-log")


def test_downloads(page):
    """Picture and table are those of the design that is shown."""
    page.goto("/?updates=20&lr=0.5")
    drawn(page)
    with page.expect_download() as csv:
        page.get_by_role("link", name="CSV").click()
    rows = csv.value.path().read_text().splitlines()
    schedule = preheat.parse("warmup 10% > cosine to 0").over(20)
    assert rows == ["update,lr", *(f"{at},{0.5 * schedule(at)}" for at in range(20))]
    with page.expect_download() as png:
        page.get_by_role("link", name="PNG").click()
    assert png.value.path().read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as svg:
        page.get_by_role("link", name="SVG").click()
    assert b"<svg" in svg.value.path().read_bytes()


def test_a_run_is_watched(page, folder):
    """A training run appears, grows under the eyes, and ends; its points are its records."""
    out = folder / "watched"
    command = [sys.executable, "-m", "preheat", "train", "--data", "synthetic", "--rows", "1600", "--epochs", "2"]
    command += ["--layers", "1"]
    with subprocess.Popen(
        [*command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as run:
        records = out / "records.jsonl"
        for _ in range(1200):
            if records.is_file() and records.read_bytes().count(b"\n") > 3:
                break
            assert run.poll() in (None, 0), run.stderr.read()
            time.sleep(0.05)
        run.send_signal(signal.SIGSTOP)  # or it is over before a busy machine has opened the page
        page.goto("/runs?run=watched")
        drawn(page)
        made = "parseInt(document.querySelector('[role=status]').innerText.split('/')[0].replace(/\\D/g, ''))"
        first = page.evaluate(made)
        run.send_signal(signal.SIGCONT)
        page.wait_for_function(f"first => {made} > first", arg=first)
        assert run.wait(120) == 0, run.stderr.read()
    page.wait_for_function("document.querySelector('[role=status]').innerText.startsWith('finished')")
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    for _ in range(100):  # the words come first, the curve after them
        if len((used := drawn(page)[0])[0]) == len(lines):
            break
        page.wait_for_timeout(100)
    assert used.T.tolist() == [[line["update"], line["lr"]] for line in lines]
    shot(page, "run")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open the report").click()
    opened.value.wait_for_load_state()
    assert "Run watched" in opened.value.title()


def test_names_in_a_log_are_text(page, tmp_path):
    """A column called like markup or like properties of an element is shown as it is called."""
    hostile = 'lr" innerHTML="<img src=x onerror=document.title=1>'
    log = tmp_path / 'log" onclick="x.jsonl'
    log.write_text("".join(json.dumps({"step": k, hostile: 1e-3 * (k + 1)}) + "\n" for k in range(40)))
    page.goto("/audit")
    page.get_by_label("Column of the learning rate").fill(hostile)
    page.locator("input[type=file]").set_input_files(log)
    page.get_by_role("heading", name=f"Looks like ({hostile})").wait_for()
    assert page.locator("main img").count() == 0
    assert page.title() == "Audit · preheat studio"


def test_a_log_in_chinese(page, tmp_path):
    """What is found is told in Chinese, its cause and evidence too; a moment before, that it is being read."""
    plan = preheat.get_schedule("warmuplinear", warmup=10, total=100)
    log = tmp_path / "log.csv"
    log.write_text("update,lr\n" + "".join(f"{k},{5e-5 * plan(4 * k)}\n" for k in range(100)))
    page.goto("/audit?lang=zh&against=transformers:+warmup+10+>+linear+90+to+0&lr=5e-5")
    page.locator("input[type=file]").set_input_files(log)
    page.get_by_text("每更新一步，调度前进 4 步").wait_for()
    page.get_by_text("Accelerate 的封装会为每个进程各调用一次 scheduler.step()").wait_for()
    page.get_by_text("位置 = 4 x 步 + 0").wait_for()
    assert page.locator("[lang=en]").all_inner_texts() == ["English"]
    page.get_by_text("与预定不一致").wait_for()
    assert page.get_by_text("正在读取并比对").count() == 0
    shot(page, "audit-zh")


def test_a_bad_log_is_dropped(page, tmp_path):
    """A log whose schedule moved four times an update: the verdict; then one that is no log: the refusal."""
    plan = preheat.get_schedule("warmuplinear", warmup=10, total=100)
    log = tmp_path / "log.csv"
    log.write_text("update,lr\n" + "".join(f"{k},{5e-5 * plan(4 * k)}\n" for k in range(100)))
    page.goto("/audit")
    page.get_by_label("The plan, in words or by name").fill("warmuplinear")
    page.get_by_label("Updates").fill("100")
    page.get_by_label("Warm-up").fill("10")
    page.get_by_label("Peak learning rate").fill("5e-5")
    page.locator("input[type=file]").set_input_files(log)
    page.get_by_text("the schedule moves 4 times per update", exact=True).wait_for()
    page.get_by_text("Accelerate's wrapper steps the scheduler once for each").wait_for()
    assert len(drawn(page)) == 2
    shot(page, "audit")
    with page.expect_download() as report:
        page.get_by_role("button", name="Download the report").click()
    assert "the schedule moves 4 times per update" in report.value.path().read_text(encoding="utf-8")
    nothing = tmp_path / "nothing.csv"
    nothing.write_text("a,b\n1,2\n")
    page.locator("input[type=file]").set_input_files(nothing)
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "nothing.csv" in alert.inner_text()
    assert str(tmp_path) not in alert.inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("where", ["/", "/plan", "/runs", "/studies", "/audit"])
def test_readable_by_everyone(page, where, width, theme):
    """No serious finding of axe-core; nothing sticks out at the width of a phone; in both languages."""
    page.set_viewport_size({"width": width, "height": 900})
    language = "zh" if width == 390 else "en"
    page.goto(f"{where}?lang={language}&theme={theme}")
    page.get_by_role("heading", level=1).wait_for()
    if where == "/":
        drawn(page)
        page.wait_for_function("document.body.innerText.includes('preheat.parse')")
    assert page.evaluate("document.documentElement.lang").startswith(language)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert tell(NAMES["plan"], language) in page.inner_text("nav")
    assert unreadable(page) == []
    shot(page, f"{where.strip('/') or 'design'}-{language}-{theme}-{width}")
