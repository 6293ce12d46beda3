"""The web layer: requests over HTTP, errors in one line, nothing from other sites."""

import contextlib
import json
import re
import socket
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
        running = uvicorn.Server(server.settings(server.application(explorer)))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        running.should_exit = True
        thread.join()


def ask(url, body=None, **headers):
    """Status, body and headers of an answer."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {} if data is None else {"Content-Type": "application/json"} | headers
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
        ("compare", {"a": "x"}, "b: missing; give a name"),
        ("compare", {"a": "x", "b": "x", "steps": 0}, "steps: 0; give 2 to 25"),
        ("decode", {"z": [0]}, "a point of this model is 4 finite numbers"),
        ("decode", b'{"z": [0, 0, 0, NaN]}', "z.3: give a finite number, not nan"),
        ("map", {"view": "sideways"}, "view: give units or components, not 'sideways'"),
        ("decode", {"z": [1e38, 0, 0, 0]}, "a point of this model is 4 numbers between -1e+06 and 1e+06"),
        ("map", b"not JSON", "the question is not JSON"),
        ("map", b"[" * 50_000, "the question is not JSON"),
        ("decode", b'{"z": [' + b"9" * 5_000 + b"]}", "the question is not JSON"),
        ("decode", {"z": ["1", 0, 0, 0]}, "z.0: give"),
        ("decode", {"z": [True, 0, 0, 0]}, "z.0: give"),
        ("compare", {"a": "x", "b": "x", "steps": True}, "steps: give a whole number, not true"),
        ("decode", [1], "give a mapping with the keys z"),
        ("compare", {"a": 5, "b": "x"}, "a: give a name, not 5"),
        ("compare", {"a": "x", "b": "x", "nope": 1}, "unknown key 'nope'"),
        ("compare", b'{"a": "\\ud800", "b": "x"}', "an unpaired surrogate"),
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


def test_the_headers_forbid_other_sources(url):
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


@pytest.mark.parametrize(
    ("headers", "status", "says"),
    [
        ({"Origin": "http://evil.example"}, 403, "only the page of this explorer may ask"),
        ({"Origin": "null"}, 403, "only the page of this explorer may ask"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "only the page of this explorer may ask"),
        ({"Sec-Fetch-Site": "same-site"}, 403, "only the page of this explorer may ask"),
        ({"Content-Type": "text/plain"}, 415, "a question is JSON"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "a question is JSON"),
    ],
)
def test_pages_of_other_sites_cannot_ask(url, headers, status, says):
    found, body, _ = ask(f"{url}/api/start", {}, **headers)
    assert found == status
    assert says in json.loads(body)["error"]
    own = {"Origin": url, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json; charset=utf-8"}
    assert ask(f"{url}/api/start", {}, **own)[0] == 200


def test_large_body_is_refused_unread(url):
    host, port = url.removeprefix("http://").split(":")
    head = f"POST /api/decode HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    for framing, body in (
        ("Content-Length: 200000000\r\n\r\n", b"["),
        ("Transfer-Encoding: chunked\r\n\r\n", (b"10000\r\n" + b"1" * 0x10000 + b"\r\n") * 2),
    ):
        with socket.create_connection((host, int(port)), timeout=30) as client:
            client.sendall((head + framing).encode() + body)
            assert client.recv(100).startswith(b"HTTP/1.1 413")


def test_connection_that_only_waits_is_closed(url, monkeypatch, explorer):
    host, _ = url.removeprefix("http://").split(":")
    app = server.settings(server.application(explorer))
    monkeypatch.setattr(app.http, "idle_seconds", 0.2)
    with server.listen(host, 0) as listening:
        running = uvicorn.Server(app)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            for sent in (b"", b"GET / HT", b"POST /api/start HTTP/1.1\r\nHost: localhost\r\n"):
                with socket.create_connection(listening.getsockname(), timeout=30) as client:
                    client.sendall(sent)
                    with contextlib.suppress(ConnectionResetError):
                        assert client.recv(100) == b""
        finally:
            running.should_exit = True
            thread.join()


def test_slow_body_is_refused(url, monkeypatch):
    host, port = url.removeprefix("http://").split(":")
    monkeypatch.setattr("vaescope.explore.guard.BODY_SECONDS", 0.2)
    head = f"POST /api/start HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(head.encode())
        assert client.recv(100).startswith(b"HTTP/1.1 408")


def test_token_is_asked_of_everybody(explorer):
    from starlette.testclient import TestClient

    client = TestClient(server.application(explorer, "0.0.0.0", "secret"))
    assert client.get("/").status_code == 403
    assert client.get("/?token=wrong").status_code == 403
    assert client.post("/api/start", json={}).status_code == 403
    assert client.get("/?token=secret").status_code == 200
    # the cookie of the page now brings it
    assert client.post("/api/start", json={}).status_code == 200


def test_a_full_queue_is_reported(monkeypatch, explorer):
    from starlette.testclient import TestClient

    monkeypatch.setattr(server, "MOST_WAITING", 0)
    client = TestClient(server.application(explorer), base_url="http://localhost")
    assert client.post("/api/decode", json={"z": [0, 0, 0, 0]}).status_code == 503
    assert client.post("/api/start", json={}).status_code == 200


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
    assert ("whoever can reach this port" in done.stderr) == (host == "0.0.0.0")
    assert len(opened) == browser
    for address in opened:
        assert address.startswith(f"http://{host}:{port}")
        assert ("?token=" in address) == (host == "0.0.0.0")
