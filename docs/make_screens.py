"""Take the pictures of the demo: docs/images/report.png, compare.png and explore.png.

python docs/make_screens.py DEMO        the folder that vaescope demo wrote; needs Chromium and the extra browser
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from vaescope import compare

IMAGES = Path(__file__).parent / "images"
WIDTH = 1200
TEXTS = ("this ferry rowed another lighthouse", "they sprinted")


def browser(profile: str) -> Chrome:
    """Return a Chromium without a window, of a fixed width, in light colours."""
    options = ChromeOptions()
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}")
    for flag in flags:
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    size = {"width": WIDTH, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    light = {"name": "prefers-color-scheme", "value": "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [light]})
    return driver


def picture(driver: Chrome, name: str, *, top: int = 0, height: int) -> None:
    """Write a part of the open page."""
    clip = {"x": 0, "y": top, "width": WIDTH, "height": height, "scale": 1}
    options = {"captureBeyondViewport": True, "clip": clip}
    data = driver.execute_cdp_cmd("Page.captureScreenshot", options)["data"]
    (IMAGES / name).write_bytes(base64.b64decode(data))


def top_of(driver: Chrome, heading: str) -> int:
    """Return where a heading of the page is."""
    script = "return [...document.querySelectorAll('h2')].find(h => h.textContent === arguments[0]).offsetTop"
    return int(driver.execute_script(script, heading))


def pages(driver: Chrome, demo: Path, folder: Path) -> None:
    """Take the verdicts, and the figures of the comparison."""
    page = compare(*(demo / name for name in ("vae", "free_bits", "mdr")), out=folder, split="valid", title="Demo")
    driver.get(page.resolve().as_uri())
    figures = top_of(driver, "Figures")
    picture(driver, "report.png", height=figures - 10)
    picture(driver, "compare.png", top=figures - 10, height=1010)


def explorer(driver: Chrome, demo: Path) -> None:
    """Take the page of the explorer with two texts."""
    command = [sys.executable, "-u", "-m", "vaescope", "explore", str(demo / "mdr"), "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = process.stdout or []
        url = next(found.group() for line in lines if (found := re.match(r"http://127\.0\.0\.1:\d+", line)))
        driver.get(url)
        wait = WebDriverWait(driver, 120)
        wait.until(lambda d: d.find_elements("css selector", "#steps-table tbody tr"))
        for place, text in enumerate(TEXTS):
            box = driver.find_element("css selector", f"#box{place}")
            box.clear()
            box.send_keys(text + "\n")
            wait.until(lambda d: not d.find_element("css selector", "#busy").text)
        wait.until(lambda d: d.find_elements("css selector", "#map .dot"))
        picture(driver, "explore.png", height=900)
        process.terminate()


def main(demo: Path) -> None:
    """Take all pictures of the demo."""
    with tempfile.TemporaryDirectory() as folder:
        driver = browser(f"{folder}/profile")
        try:
            pages(driver, demo, Path(folder) / "comparison")
            explorer(driver, demo)
        finally:
            driver.quit()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
