"""A real Chromium for the tests of pages, and axe-core where it is installed (npm install axe-core)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1280,900"
)
ROOT = Path(__file__).parents[1]


def start(profile: Path):
    """Return a driver; skip the test if there is no browser."""
    pytest.importorskip("selenium", reason="needs selenium: make test-browser")
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    if not (CHROMIUM and DRIVER):
        pytest.skip("needs chromium and chromedriver on the path")
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return Chrome(options=options, service=Service(DRIVER))


def look(driver, url: str, *, width: int = 1400, dark: bool = False) -> None:
    """Open a page at a width, light or dark."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    driver.get(url)


def violations(driver) -> list[str]:
    """Return the violations that axe-core finds; skip the test if it is not installed."""
    places = [os.environ.get("AXE"), ROOT / "node_modules" / "axe-core" / "axe.min.js"]
    script = next((Path(place) for place in places if place and Path(place).is_file()), None)
    if script is None:
        pytest.skip("needs axe-core: make test-browser, or AXE=FILE")
    driver.execute_script(script.read_text(encoding="utf-8"))
    found = driver.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(found => done("
        "found.violations.map(v => `${v.id}: ${v.nodes.length} x ${v.nodes[0].html.slice(0, 200)}`)))"
    )
    return list(found)
