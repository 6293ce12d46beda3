"""The explorer under 50 clients, half-open connections, large bodies and slow readers: it answers, and stays small."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from .forks import preload, start
from .ground import Ground

pytest.importorskip("uvicorn", reason="needs the extra 'explore'")

MOST_GROWTH = 200 * 2**20
"""Bytes by which the server may grow."""

CLIENTS = 50


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address and the process of an explorer of a tiny run."""
    preload()
    ground = Ground(tmp_path_factory.mktemp("soak"))
    process = start(["explore", "run", "--no-browser", "--port", "0"], ground.home)
    try:
        deadline = time.monotonic() + 60
        while "http://" not in (said := (ground.home / ".out").read_text() if (ground.home / ".out").exists() else ""):
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        yield said[said.index("http://") :].split()[0], psutil.Process(process)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


BUSY = 503
"""What the server says to a question that has waited for a minute: ask again."""


def ask(url, name, question, timeout=120, again=5):
    """Return the status and the answer; a busy server is asked again, as it says."""
    request = urllib.request.Request(
        f"{url}/api/{name}", json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            if error.code != BUSY or not again:
                raise
    return ask(url, name, question, timeout, again - 1)


def address(url):
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


@pytest.mark.slow
def test_server_answers_many_clients_and_stays_small(server, request):
    url, process = server
    questions = [
        ("compare", {"a": "the red cat", "b": "the blue dog", "steps": 3}),
        ("decode", {"z": [0, 0]}),
        ("map", {"view": "units"}),
    ]
    expected = [ask(url, *question) for question in questions]
    before, descriptors = process.memory_info().rss, process.num_fds()

    half_open = contextlib.ExitStack()
    request.addfinalizer(half_open.close)
    for number in range(200):
        client = half_open.enter_context(socket.create_connection(address(url), timeout=30))
        client.sendall([b"", b"POST /api/map HTTP/1.1\r\n", b"GET / HT"][number % 3])
    hostile = [threading.Thread(target=pour, args=(url,)) for _ in range(4)] + [
        threading.Thread(target=read_slowly, args=(url,)) for _ in range(4)
    ]
    for thread in hostile:
        thread.start()
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda number: ask(url, *questions[number % 3]), range(3 * CLIENTS)))
    peak = process.memory_info().rss - before
    for thread in hostile:
        thread.join()
    half_open.close()
    assert all(answer == expected[number % 3] for number, answer in enumerate(answers))
    assert max(peak, process.memory_info().rss - before) < MOST_GROWTH
    deadline = time.monotonic() + 60
    while process.num_fds() > descriptors + 5 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert process.num_fds() <= descriptors + 5
    assert ask(url, "decode", {"z": [1, -1]})[0] == 200


def head(url, name, length):
    host, port = address(url)
    lines = (f"POST /api/{name} HTTP/1.1", f"Host: {host}:{port}", "Content-Type: application/json")
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


def pour(url):
    """Send a body of 200 MB as fast as the server takes it."""
    with contextlib.suppress(OSError), socket.create_connection(address(url), timeout=30) as client:
        client.sendall(head(url, "decode", 200_000_000))
        for _ in range(200):
            client.sendall(b"1" * 1_000_000)


def read_slowly(url):
    """Ask for the map and read a byte of it now and then."""
    with contextlib.suppress(OSError), socket.create_connection(address(url), timeout=30) as client:
        client.sendall(head(url, "map", 2) + b"{}")
        for _ in range(20):
            client.recv(1)
            time.sleep(0.1)


@pytest.mark.slow
def test_one_slow_question_blocks_no_page(server):
    url, _ = server
    long = " ".join(["the red cat"] * 800)

    def compare():
        with contextlib.suppress(urllib.error.URLError):
            ask(url, "compare", {"a": long, "b": long, "steps": 25})

    threads = [threading.Thread(target=compare) for _ in range(5)]
    for thread in threads:
        thread.start()
    with urllib.request.urlopen(url, timeout=10) as page:
        assert page.status == 200
    assert ask(url, "map", {}, timeout=10)[0] == 200
    for thread in threads:
        thread.join()
