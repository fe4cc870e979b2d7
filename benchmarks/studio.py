"""How fast the studio answers in a real browser, and how large its extra is.

Three schedules over 10^6 updates are opened in headless Chromium. A slider of a phase is moved by its arrow key; the
time runs in the page from the key to the redrawn curve. Beside it, turn about, stands the same round trip without any
schedule: a button that the server answers with another word. Printed are medians, their ratio, the first paint of a
fresh page, and the megabytes that `pip install preheat[studio]` adds to `preheat[cli]` in a new environment (--size).
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
SEVERAL = ("warmup 10% > cosine to 0", "warmup 10% > hold > 1-sqrt 20% to 0", "warmup 5% > linear to 0")
ADDRESS = "/?" + urlencode([*(("s", words) for words in SEVERAL), ("updates", 10**6)])
# From an event to the first change of the drawing (or of the button's pressed state), in milliseconds.
TIMED = """async ([act, seen]) => {
  const start = performance.now();
  const changed = new Promise((resolve, reject) => {
    const watch = new MutationObserver(() => { watch.disconnect(); resolve(performance.now() - start); });
    watch.observe(document.querySelector(seen), {subtree: true, childList: true, attributes: true});
    setTimeout(() => reject(new Error('nothing changed')), 5000);
  });
  const target = document.querySelector(act);
  if (act.includes('slider')) {
    target.focus();
    target.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', keyCode: 39, bubbles: true}));
  } else target.click();
  return await changed;
}"""


def measure(browser, address, rounds):
    """First paint, and the two round trips by turns."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address + ADDRESS)
    page.wait_for_selector(".ph-chart svg path", state="attached")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    page.wait_for_timeout(3000)
    slides, answers = [], []
    for index in range(rounds):
        slides.append(page.evaluate(TIMED, [".ph-slide .q-slider [tabindex], .ph-slide .q-slider", ".ph-chart"]))
        page.wait_for_timeout(900)  # the slower parts follow a moment later: they are not in anybody's way
        answers.append(page.evaluate(TIMED, [f".ph-c{index % 2 + 2} .ph-number", ".ph-schedules"]))
        page.wait_for_timeout(900)
    page.close()
    return paint, slides, answers


def size():
    """Megabytes of environments with and without the extra."""
    found = {}
    for extra in ("cli", "studio"):
        folder = Path(tempfile.mkdtemp())
        try:
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile"]
            subprocess.run([*pip, f"{ROOT}[{extra}]"], check=True)
            files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
            found[extra] = sum(file.stat().st_size for file in files) / 1e6
        finally:
            shutil.rmtree(folder)
    print(f"installed: cli {found['cli']:.0f} MB, studio {found['studio']:.0f} MB")
    print(f"the extra adds {found['studio'] - found['cli']:.0f} MB")


def main():
    """Start a studio, measure, print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--chromium", default=shutil.which("chromium"))
    arguments.add_argument("--rounds", type=int, default=30)
    arguments.add_argument("--size", action="store_true", help="Measure the extra's size too (two installations).")
    given = arguments.parse_args()
    command = [sys.executable, "-m", "preheat", "studio", tempfile.mkdtemp(), "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as server:
        address = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())[0]
        begun = time.perf_counter()
        while True:
            with suppress(OSError):
                urllib.request.urlopen(address).read()
                break
            time.sleep(0.02)
        print(f"answers {time.perf_counter() - begun:.1f} s after its address was printed")
        with sync_playwright() as player:
            flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            browser = player.chromium.launch(executable_path=given.chromium, args=flags)
            measure(browser, address, 3)  # files go into the system's cache
            paint, slides, answers = measure(browser, address, given.rounds)
            browser.close()
        server.terminate()
    ratio = statistics.median(slides) / statistics.median(answers)
    print(f"first paint {paint:.0f} ms")
    print(f"slider to redrawn curve: median {statistics.median(slides):.0f} ms, largest {max(slides):.0f}")
    print(f"the same way without a schedule: median {statistics.median(answers):.0f} ms; ratio {ratio:.1f}")
    if given.size:
        size()


if __name__ == "__main__":
    main()
