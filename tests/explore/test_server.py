"""The web layer: questions over HTTP, mistakes in one line, nothing from elsewhere."""

import json
import re
import threading
import urllib.error
import urllib.request
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from vaescope.cli import app
from vaescope.errors import UserError
from vaescope.explore import server

uvicorn = pytest.importorskip("uvicorn", reason="needs the extra 'explore'")
pytest.importorskip("starlette", reason="needs the extra 'explore'")
MARKUP = '<img src=x onerror="document.title=1"> & <b>bold</b>'


@pytest.fixture(scope="module")
def url(explorer):
    with server.listen("127.0.0.1", 0) as listening:
        config = uvicorn.Config(server.application(explorer), log_level="warning", lifespan="off")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        running.should_exit = True
        thread.join()


def ask(url, body=None, **headers):
    """Status, body and headers of an answer."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method="GET" if data is None else "POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read().decode(), response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def test_questions_are_answered_as_the_explorer_answers(url, explorer):
    a, b = explorer.start()["texts"]
    asked = {
        "start": ({}, explorer.start()),
        "compare": ({"a": a, "b": b, "steps": 3}, explorer.compare(a, b, steps=3)),
        "decode": ({"z": [0, 0, 1, 0]}, explorer.decode([0, 0, 1, 0])),
        "map": ({"view": "components"}, explorer.map.seen("components")),
    }
    for name, (question, expected) in asked.items():
        status, body, _ = ask(f"{url}/api/{name}", question)
        assert (status, json.loads(body)) == (200, expected)


@pytest.mark.parametrize(
    ("name", "question", "says"),
    [
        ("compare", {"a": "", "b": "x"}, "the first text is empty; type one"),
        ("compare", {"a": "x" * 20_000, "b": "x"}, "the first text has 20,000 characters; give at most 10,000"),
        ("compare", {"a": "x"}, "b: Field required"),
        ("compare", {"a": "x", "b": "x", "steps": 0}, "steps: 0; give 2 to 25"),
        ("decode", {"z": [0]}, "a point of this model is 4 finite numbers"),
        ("decode", b'{"z": [0, 0, 0, NaN]}', "z.3: Input should be a finite number"),
        ("map", {"view": "sideways"}, "view: Input should be 'units' or 'components'"),
        ("map", b"not JSON", "Invalid JSON"),
        ("compare", b'{"a": "\\ud800", "b": "x"}', "Invalid JSON"),
    ],
)
def test_mistakes_are_one_line_and_no_traceback(url, name, question, says):
    status, body, _ = ask(f"{url}/api/{name}", question)
    assert status == 400
    error = json.loads(body)["error"]
    assert says in error
    assert "\n" not in error


def test_markup_of_a_text_comes_back_as_it_is(url):
    _, body, headers = ask(f"{url}/api/compare", {"a": MARKUP, "b": "x"})
    assert json.loads(body)["texts"][0]["text"] == MARKUP
    assert headers["content-type"] == "application/json"


def test_page_may_load_nothing_from_elsewhere(url):
    status, page, headers = ask(url)
    assert status == 200
    assert "default-src 'self'" in headers["content-security-policy"]
    needed = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert set(needed) == {"data:,", "explore.css", "explore.js"}
    for name in ("explore.css", "explore.js", "charts.js"):
        status, text, _ = ask(f"{url}/{name}")
        assert status == 200
        assert set(re.findall(r"(?:https?:)?//[\w.]+\.\w+[^\s\"']*", text)) <= {"http://www.w3.org/2000/svg"}
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|@import", text)


def test_page_is_whole():
    class Elements(HTMLParser):
        open, ids = [], []

        def handle_starttag(self, tag, attributes):
            self.ids.extend(value for name, value in attributes if name == "id")
            if tag not in ("meta", "link", "input"):
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    elements = Elements()
    elements.feed((server.PAGE / "index.html").read_text(encoding="utf-8"))
    assert not elements.open
    assert len(elements.ids) == len(set(elements.ids))
    script = (server.PAGE / "explore.js").read_text(encoding="utf-8")
    assert set(re.findall(r'byId\("([\w-]+)"\)', script)) <= set(elements.ids)


def test_other_names_of_this_machine_are_refused(url, explorer):
    assert ask(f"{url}/api/start", {}, Host="evil.example:7860")[0] == 400
    assert ask(f"{url}/api/start", {}, Host="localhost:9000")[0] == 200  # an ssh tunnel


def test_no_file_but_those_of_the_page_is_served(url):
    assert ask(f"{url}/../server.py")[0] == 404
    assert ask(f"{url}/%2e%2e/server.py")[0] == 404


def test_taken_port_and_foreign_host():
    with server.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} of 127.0.0.1 is taken; give another with --port"):
            server.listen("127.0.0.1", port)
    with pytest.raises(UserError, match=r"cannot listen on port 0 of 192\.0\.2\.1: .*; give another --port or --host"):
        server.listen("192.0.2.1", 0)


def test_missing_extra_is_one_line_with_the_command(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'vaescope\[explore\]'"):
        server.require_extra()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("browser", [True, False])
def test_command(run, monkeypatch, host, browser):
    opened, served = [], []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(server, "serve", lambda app, listening: served.append(listening.getsockname()))
    options = [] if browser else ["--no-browser"]
    done = CliRunner().invoke(app, ["explore", str(run), "--host", host, "--port", "0", *options])
    assert done.exit_code == 0, done.output
    ((where, port),) = served
    assert where == host
    assert f"http://{host}:{port}" in done.stdout
    assert opened == ([f"http://{host}:{port}"] if browser else [])
    assert ("everybody who can reach this port can use the model" in done.stderr) == (host == "0.0.0.0")
