"""The page of a comparison in a real Chromium: no overflow, no axe violation, sorted, filtered and explained."""

from __future__ import annotations

import pytest
from tests.browsers import look, start, violations

from vaescope.report.page import compare

from .test_page import LANGUAGE_MODEL, made

pytestmark = pytest.mark.browser
WAYS = [(1400, False), (1400, True), (420, False), (420, True)]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    driver = start(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    made(folder, "lm", LANGUAGE_MODEL)
    for name, objective in (("vae", "vae"), ("mdr", {"preset": "mdr", "rate": 2}), ("far_too_long_a_name" * 4, "vae")):
        made(folder, name, objective)
    several = compare([folder], folder.parent / "several", split="test", title="A study")
    single = compare([folder / "mdr"], folder.parent / "single", split="test", title="mdr", page="report.html")
    return {"several": several.as_uri(), "single": single.as_uri()}


def shown(browser) -> list[str]:
    rows = browser.find_elements("css selector", "tr[data-words]")
    return [row.get_attribute("data-run") for row in rows if row.is_displayed()]


@pytest.mark.parametrize("name", ["several", "single"])
@pytest.mark.parametrize(("width", "dark"), WAYS)
def test_nothing_overflows_and_axe_finds_nothing(browser, pages, name, width, dark):
    look(browser, pages[name], width=width, dark=dark)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for fold in browser.find_elements("css selector", "details:not([open]) > summary"):
        browser.execute_script("arguments[0].click()", fold)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert violations(browser) == []


def test_the_keyboard_sorts_and_words_filter(browser, pages):
    from selenium.webdriver import Keys

    look(browser, pages["several"])
    head = browser.find_elements("css selector", "th[data-sort]")[3]
    head.find_element("css selector", "button").send_keys(Keys.ENTER)
    assert head.get_attribute("aria-sort") == "ascending"
    rows = browser.find_elements("css selector", "tr[data-words]")
    rates = [float(row.find_elements("css selector", "td")[3].get_attribute("data-value")) for row in rows]
    assert rates == sorted(rates)
    browser.find_element("css selector", "#filter").send_keys("MDR")
    assert shown(browser) == ["mdr"]
    assert browser.find_element("css selector", "#shown").text == "1 of 4 runs"
    assert not browser.find_element("css selector", "details[data-run=vae]").is_displayed()
    browser.find_element("css selector", "#filter").clear()
    browser.find_element("css selector", "#filter").send_keys("nothing like this")
    assert shown(browser) == []


def test_every_question_mark_and_code_leads_to_a_definition(browser, pages):
    look(browser, pages["several"])
    links = browser.find_elements("css selector", "a.define, a.code")
    assert len(links) > 10
    for link in links:
        target = link.get_attribute("href").split("#")[1]
        assert browser.find_element("id", target).text
        assert link.get_attribute("title")


def test_markers_say_their_numbers_and_commands_are_whole(browser, pages):
    look(browser, pages["several"])
    titles = browser.execute_script("return [...document.querySelectorAll('svg title')].map(t => t.textContent)")
    assert any(title.startswith("mdr: ") and "±" in title for title in titles)
    commands = browser.execute_script("return [...document.querySelectorAll('pre.command')].map(e => e.textContent)")
    assert all(command.startswith("vaescope ") for command in commands)
