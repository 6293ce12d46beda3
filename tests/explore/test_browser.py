"""The page in a real Chromium, before a server that runs as users run it."""

import json
import os
import re
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from tests.browsers import CHROMIUM, DRIVER, look, start, violations

from .training import train_tiny

pytestmark = pytest.mark.browser
MARKUP = '<img src=x onerror="window.hit=1"> <b>bold</b>'


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs chromium and chromedriver on the path")
    run = train_tiny(
        tmp_path_factory.mktemp("browser") / "run",
        data={"known": "topic_pcfg", "options": {"depth": 0}, "sizes": [2000, 200, 8], "max_length": 24},
        training={"steps": 300, "batch_size": 32, "learning_rate": 5e-3, "precision": "fp32", "tracker": "none"},
        objective={"preset": "mdr", "rate": 4},
    )
    (run / "labels.txt").write_text(f"{MARKUP}\nplain\n" * 100, encoding="utf-8")
    options = ["--labels", str(run / "labels.txt"), "--port", "0", "--no-browser"]
    command = [sys.executable, "-m", "vaescope", "explore", str(run), *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        found = next(match for line in process.stdout if (match := re.match(r"http://127\.0\.0\.1:\d+", line)))
        yield found.group()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.fixture(scope="module")
def browser(url, tmp_path_factory):
    driver = start(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, url):
    """The page with its first answers."""
    browser.get(url)
    until(browser, lambda: texts(browser, "#steps-table tbody tr") and texts(browser, "#decoded span"))
    until(browser, lambda: len(all_of(browser, "#map .dot")) == 200)
    return browser


def all_of(page, selector):
    return page.find_elements("css selector", selector)


def one(page, selector):
    return page.find_element("css selector", selector)


def texts(page, selector):
    return [element.text for element in all_of(page, selector)]


def until(page, condition):
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(page, 20, ignored_exceptions=[StaleElementReferenceException]).until(lambda _: condition())


def write(page, index, text):
    from selenium.webdriver import Keys

    box = one(page, f"#box{index}")
    box.clear()
    box.send_keys(text, Keys.ENTER)
    until(page, lambda: not one(page, "#busy").text)


def test_two_sentences_are_read_and_the_path_between_them_shown(page):
    before = texts(page, "#steps-table tbody tr")
    write(page, 0, "the singer composed the cook")
    write(page, 1, "she sank")
    assert texts(page, "#steps-table tbody tr") != before
    for index in ("0", "1"):
        assert one(page, f"#text{index} .quote").text
        assert len(all_of(page, f"#text{index} li")) == 3
        assert len(all_of(page, f"#text{index} .chart .bar")) == 4
        numbers = texts(page, f"#text{index} dt")
        assert numbers[:3] == ["rate", "distortion", "ELBO"]
        assert all(re.match(r"−?\d+\.\d\d", value) for value in texts(page, f"#text{index} dd"))
    rows = [[cell.text for cell in row.find_elements("css selector", "td")] for row in all_of(page, "tbody tr")]
    assert [row[0] for row in rows] == ["0.00", "0.17", "0.33", "0.50", "0.67", "0.83", "1.00"]
    assert rows[0][1] == one(page, "#text0 .quote").text
    assert rows[-1][1] == one(page, "#text1 .quote").text
    # a model of a few steps may write the same text at both ends; the densities there differ
    assert rows[0][2:] != rows[-1][2:]


def test_slider_decodes_live(page):
    before, slider = one(page, "#decoded").text, one(page, "#sliders input")
    start = float(slider.get_attribute("value"))
    seen = set()
    for value in (-3, 3):
        page.execute_script(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", slider, value
        )
        until(page, lambda: not one(page, "#busy").text and one(page, "#decoded").text not in seen)
        seen.add(one(page, "#decoded").text)
    assert start not in (-3, 3)
    assert len({text.splitlines()[0] for text in {before, *seen}}) > 1
    assert "log p(x|z) −" in one(page, "#decoded span").text
    one(page, "#from0").click()
    until(page, lambda: one(page, "#decoded").text == before)


def point(page, i):
    from selenium.webdriver import ActionChains

    dot = all_of(page, "#map .dot")[i]
    return ActionChains(page).move_to_element(dot)


def test_map_shows_a_text_on_hover_and_takes_it_on_click(page):
    assert "Hover over a point" in one(page, "#hover").text
    point(page, 17).perform()
    told = until(page, lambda: re.match(r"(.+)  ?\(\d+ tokens, rate −?\d+\.\d\d, label .+\)", one(page, "#hover").text))
    point(page, 17).click().perform()
    until(page, lambda: one(page, "#box0").get_attribute("value") == told.group(1).strip())
    until(page, lambda: one(page, ".map .ring").get_attribute("visibility") == "visible")


def test_map_changes_its_view_and_its_colours(page):
    where = one(page, "#map .dot").get_attribute("cx")
    one(page, "#view option[value=components]").click()
    until(page, lambda: "component 1" in one(page, "#map svg").text)
    assert one(page, "#map .dot").get_attribute("cx") != where
    all_of(page, "#colour option")[1].click()
    until(page, lambda: any("–" in text for text in texts(page, ".legend span")))
    assert len({dot.get_attribute("class") for dot in all_of(page, "#map .dot")}) == 5


def test_the_map_is_reached_by_keyboard(page):
    from selenium.webdriver import Keys

    figure = one(page, "#map svg")
    assert figure.get_attribute("tabindex") == "0"
    figure.send_keys(Keys.ARROW_RIGHT)
    first = until(page, lambda: re.match(r"(.+)  ?\(\d+ tokens", one(page, "#hover").text))
    figure.send_keys(Keys.ARROW_RIGHT)
    until(page, lambda: not one(page, "#hover").text.startswith(first.group(1) + " ("))
    second = re.match(r"(.+?)  ?\(\d+ tokens", one(page, "#hover").text).group(1).strip()
    figure.send_keys(Keys.ENTER)
    until(page, lambda: one(page, "#box0").get_attribute("value") == second)
    assert one(page, ".map .ring").get_attribute("visibility") == "visible"


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (1400, True), (420, False), (420, True)])
def test_axe_finds_nothing_and_nothing_overflows(page, url, width, dark):
    look(page, url, width=width, dark=dark)
    until(page, lambda: len(all_of(page, "#map .dot")) == 200)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    assert violations(page) == []


def test_markup_stays_text(page):
    assert texts(page, ".legend span") == [MARKUP, "plain"]
    point(page, 40).perform()
    until(page, lambda: "(" in one(page, "#hover").text)
    assert f"label {MARKUP})" in one(page, "#hover").text
    write(page, 0, MARKUP)
    assert not one(page, "#error").text
    assert "only the first 22 tokens are read" in one(page, "#text0 .note").text
    assert not all_of(page, "main img, #hover b, .legend b")
    assert not page.execute_script("return window.hit")


def test_mistakes_are_said_on_the_page(page):
    write(page, 0, "")
    until(page, lambda: "the first text is empty" in one(page, "#error").text)
    write(page, 0, "she sank")
    until(page, lambda: not one(page, "#error").is_displayed())


def test_the_page_loads_nothing_from_the_network_and_has_no_errors(page):
    errors = [entry for entry in page.get_log("browser") if "400 (Bad Request)" not in entry["message"]]
    assert not errors
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert len(asked) >= 6
    # chrome: and data: are inside the browser
    assert {urlsplit(url).hostname for url in asked if re.match("http|ws", url)} == {"127.0.0.1"}
