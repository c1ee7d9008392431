"""The report of a real run, in a real browser: on a laptop and a phone, light and dark."""

import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from remots.cli import main
from remots.formats.results.result_folder import ResultFolder
from tests.workflow.browser import Browser, find_browser, open_browser
from tests.workflow.conftest import Workplace

pytestmark = pytest.mark.workflow

LAPTOP, PHONE = 1366, 390
PARTS = ["video", "timeline", "tracks", "calls", "switches", "corrections", "thresholds", "training", "time"]


@pytest.fixture(scope="module")
def page(first_run: Workplace) -> Path:
    return first_run.folder / "results" / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    find_browser()
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def click(browser: Browser, css: str) -> None:
    """Click on the first element of the shown sequence that fits."""
    found = browser.run("return document.querySelector('.sequence.current ' + arguments[0])", css)
    assert found is not None, css
    browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", found)
    found.click()


def wait_for(browser: Browser, condition: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not browser.run(f"return Boolean({condition})"):
        assert time.monotonic() < deadline, condition
        time.sleep(0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [LAPTOP, PHONE])
def test_the_page_fits_its_window_and_says_all_there_is(browser: Browser, page: Path, width: int, scheme: str) -> None:
    browser.complaints(), browser.requests()
    browser.open(page, width, scheme)
    inner, outer = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert outer == width
    assert inner <= width, "the page scrolls sideways"
    for part in PARTS:
        assert browser.run("return document.getElementById(arguments[0]).offsetHeight", f"s0-{part}") > 30, part
    header = browser.run("return [...document.querySelectorAll('.metrics thead th')].map(cell => cell.textContent)")
    assert header[:8] == ["Sequence", "sMOTSA↑", "IDF1↑", "MOTSA↑", "MOTSP↑", "MODSA↑", "MT↑", "ML↓"]
    colour = browser.run("return getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(value) for value in colour.strip("rgb()").split(",")) / 3
    assert (brightness < 60) == (scheme == "dark")
    broken = "return [...document.images].filter(image => image.complete && !image.naturalWidth).length"
    assert browser.run(broken) == 0
    assert browser.run("return document.images.length") > 10
    assert browser.complaints() == []
    outside = [url for url in browser.requests() if not url.startswith(("file:", "data:", "blob:"))]
    assert outside == []


def test_the_video_plays_and_follows_a_click_on_the_timeline(browser: Browser, page: Path) -> None:
    browser.open(page, LAPTOP, "light")
    video = "document.querySelector('.sequence.current video')"
    wait_for(browser, f"{video}.readyState >= 3")
    assert browser.run(f"return {video}.videoWidth") > 0
    browser.run(f"{video}.play()")
    wait_for(browser, f"{video}.currentTime > 0.2")
    browser.run(f"{video}.pause()")
    click(browser, ".timeline svg")  # in the middle of 16 frames
    wait_for(browser, f"{video}.frameNow() === 8 || {video}.frameNow() === 9")
    assert browser.run("return document.querySelector('.sequence.current .at-frame').value") in ("Frame 8.", "Frame 9.")
    assert not browser.run("return document.querySelector('.sequence.current .playhead').hidden")


def saved_file(browser: Browser) -> Path:
    """What the page has saved; it waits for it."""
    saved = browser.downloads / "corrections.tsv"
    deadline = time.monotonic() + 20
    while not saved.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return saved


def test_what_is_clicked_is_saved_as_corrections(browser: Browser, page: Path) -> None:
    browser.open(page, LAPTOP, "light")
    assert browser.run("return document.querySelector('.tray').hidden")
    calls = browser.run("return document.querySelectorAll('.sequence.current .call').length")
    assert calls >= 2, "this run has too few close calls to click on"
    click(browser, ".call:first-child [data-action=must_link]")
    click(browser, ".call:first-child [data-action=cannot_link]")  # the later word holds
    pair = browser.run(
        "const button = document.querySelector('.sequence.current .call:first-child [data-action=cannot_link]');"
        "return [button.dataset.a, button.dataset.b, button.getAttribute('aria-pressed')]"
    )
    assert pair[2] == "true"
    click(browser, ".track .pick")
    dropped = browser.run("return document.querySelector('.sequence.current .pick').dataset.a")
    click(browser, ".track:nth-child(2) [data-drop-all]")
    click(browser, ".track:nth-child(2) [data-drop-all]")  # and not after all
    fields = "document.querySelector('.sequence.current .add').elements"
    browser.run(f"{fields}.a.value = '3'; {fields}.frame.value = '9'")
    click(browser, ".add [type=submit]")
    browser.run(
        "const note = document.querySelector('.sequence.current .rows tbody input');"
        "note.value = ' two\\tpeople '; note.dispatchEvent(new Event('change'))"
    )
    digest = ResultFolder(page.parent / "plaza").tracklets_digest
    click(browser, ".save")
    saved = saved_file(browser)
    assert saved.read_text() == (
        f"# tracklets: {digest}\n"
        "action\ta\tb\tframe\tnote\n"
        f"cannot_link\t{pair[0]}\t{pair[1]}\t\ttwo people\n"
        f"drop\t{dropped}\t\t\t\n"
        "split\t3\t\t9\t\n"
    )
    assert browser.run("return document.querySelector('.tray').hidden"), "what is saved need not be saved again"
    saved.unlink()
    for _ in range(2):  # the split and the drop
        click(browser, ".rows tbody tr:last-child button")
    click(browser, ".save")
    results = page.parent / "plaza"
    tables = {"short-tracklets": "short_tracklets.parquet", "features": "features_inter.npy", "masks": "masks.parquet"}
    tables |= {"sequence": "sequence.json", "threshold": "threshold_merge.json"}
    words = [word for name, file in tables.items() for word in (f"--{name}", str(results / file))]
    out = {name: browser.downloads / f"{name}.parquet" for name in ("out", "merges")}
    words += [word for name, file in out.items() for word in (f"--{name}", str(file))]
    assert main(["merge", *words, "--corrections", str(saved_file(browser))]) == 0
    track_of = dict(pd.read_parquet(out["out"])[["tracklet_id", "track_id"]].to_numpy().tolist())
    assert track_of[int(pair[0])] != track_of[int(pair[1])]
    assert browser.complaints() == []


def test_each_part_is_reached_by_the_keyboard_and_pictures_have_words(browser: Browser, page: Path) -> None:
    browser.open(page, LAPTOP, "light")
    assert browser.run("return [...document.images].every(image => image.alt)")
    assert browser.run(
        "return [...document.querySelectorAll('button, a[href], select, input')].every(one => one.tabIndex === 0)"
    )
    unnamed = browser.run(
        "return [...document.querySelectorAll('button')].filter(b => !b.textContent.trim() && !b.ariaLabel).length"
    )
    assert unnamed == 0


def test_snakemake_s_own_report_carries_the_page(first_run: Workplace, browser: Browser) -> None:
    report = first_run.folder / "snakemake_report.html"
    first_run.run("--report", str(report))
    browser.open(report, LAPTOP, "light")
    uri = browser.run("return Object.values(results).find(result => result.name === 'report.html').data_uri")
    browser.run(
        "const frame = document.createElement('iframe'); frame.id = 'held'; frame.src = arguments[0];"
        "document.body.replaceChildren(frame)",
        uri,
    )
    browser.driver.switch_to.frame(browser.driver.find_element("id", "held"))
    try:
        wait_for(browser, "document.querySelector('.sequence.current video')?.readyState >= 3")
    finally:
        browser.driver.switch_to.default_content()
