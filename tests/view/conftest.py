"""The real binaries and a headless Chromium for the tests of the live view."""

import json
import os
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import sync_playwright

REPO = Path(__file__).resolve().parents[2]
DEMO = REPO / "examples" / "demo"
BIN = Path(os.environ.get("SLEAP_STREAM_BIN", REPO / "target" / "debug"))

# Playwright waits for conditions; this only bounds how long a broken page holds up the tests.
TIMEOUT_MS = 60_000

# Where workers of these tests were. A page looks again for one that has ended, and the browser logs each attempt.
ENDED = set()


class Worker:
    """A running sleap-worker with a page."""

    def __init__(self, process, log, links):
        self.process = process
        self.log_file = log
        self.metrics = None
        self.signal = self._line("ready: ")
        # The link that watches, and the one that streams too.
        self.link = self._line("view: ") if links != "send" else None
        self.send_link = self._line("send: ") if links != "look" else None
        # The latter with one connection, whatever the way is like on a busy machine.
        self.send_over_one = (self.send_link or "").replace("/#", "/?lanes=1#")
        self.origin, self.token = (self.link or self.send_link).split("/#")

    def _line(self, prefix):
        line = self.process.stdout.readline()
        # Where the page is served to other machines, each of the worker's addresses has its own link.
        while line.startswith(("pair: ", "view: ")) and not line.startswith(prefix):
            line = self.process.stdout.readline()
        assert line.startswith(prefix), f"{line!r} instead of {prefix!r}: {self.log()}"
        return line.removeprefix(prefix).strip()

    def log(self):
        return Path(self.log_file.name).read_text()

    def metric(self, name):
        """The value of a metric without labels, of a worker with --metrics."""
        if self.metrics is None:
            self.metrics = self._line("metrics: ")
        with urlopen(self.metrics) as answer:
            lines = answer.read().decode().splitlines()
        samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return float(samples[f"sleap_worker_{name}"])


def data_home(tmp_path):
    """A folder for what a worker keeps, tokens and certificates, so that each test has its own. The
    runtime of models stays the user's."""
    kept = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share")) / "sleap-stream/onnxruntime"
    own = tmp_path / "data" / "sleap-stream"
    own.mkdir(parents=True, exist_ok=True)
    if kept.exists() and not (own / "onnxruntime").exists():
        (own / "onnxruntime").symlink_to(kept)
    return str(tmp_path / "data")


@contextmanager
def running_worker(tmp_path, *args, listen="127.0.0.1:0", view="127.0.0.1:0", prefix=(), env=None):
    with open(tmp_path / "worker.log", "w") as log:
        process = subprocess.Popen(
            [*prefix, BIN / "sleap-worker", "--listen", listen, "--view", view, *args],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "XDG_DATA_HOME": data_home(tmp_path), **(env or {})},
        )
        try:
            links = args[args.index("--view-links") + 1] if "--view-links" in args else "both"
            worker = Worker(process, log, links)
            ENDED.discard(worker.origin)
            yield worker
            ENDED.add(worker.origin)
            process.terminate()
            assert process.wait() == 130, worker.log()
            assert " ERROR " not in worker.log() and "panicked" not in worker.log(), worker.log()
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def worker(tmp_path):
    with running_worker(tmp_path, "--model", DEMO / "model") as worker:
        yield worker


@pytest.fixture
def one_stream_worker(tmp_path):
    """A worker that serves one stream at a time."""
    with running_worker(tmp_path, "--model", DEMO / "model", "--max-streams", "1") as worker:
        yield worker


class Front:
    """An address that leads to one worker's page, and later to another's: what a page that stays open
    sees when the worker is started again."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.target = None
        self.sockets = []
        threading.Thread(target=self._serve, daemon=True).start()

    def lead_to(self, worker):
        host, port = worker.origin.removeprefix("http://").rsplit(":", 1)
        self.target = (host, int(port))
        return f"{self.origin}/#{worker.token}"

    def cut(self):
        """Ends all connections, and takes no others before it leads somewhere again."""
        self.target = None
        for socket_ in self.sockets:
            with suppress(OSError):
                socket_.shutdown(socket.SHUT_RDWR)

    def _serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.target)
            except (OSError, TypeError):
                near.close()
                continue
            self.sockets += [near, far]
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    @staticmethod
    def _pass_on(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@pytest.fixture
def front():
    front = Front()
    yield front
    front.listener.close()


VIDEO = ("--stream", DEMO / "video.mp4", "-o", "-")
ENDLESS = ("--test-pattern", "512x384@30")


@contextmanager
def streaming(worker, *args, source=VIDEO):
    """A sleap-stream that sends the demonstration's video, or the test pattern until the end of the block;
    yields the process."""
    process = subprocess.Popen(
        [BIN / "sleap-stream", "--signal", worker.signal, *source, "-q", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        # It says goodbye: a worker waits for a client that is only gone.
        process.terminate()
        process.communicate()


def predictions(process):
    """All that a client prints, by frame."""
    lines = [json.loads(line) for line in process.stdout]
    assert process.wait() == 0
    return {line["frame_id"]: line for line in lines}


@pytest.fixture(scope="session")
def playwright():
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def launch(playwright):
    browsers = []

    def launch(*args):
        # Without a sandbox: tests may run as root. Loopback: there may be no other network.
        flags = ["--no-sandbox", "--allow-loopback-in-peer-connection", *args]
        browser = playwright.chromium.launch(executable_path=os.environ["SLEAP_STREAM_TEST_CHROMIUM"], args=flags)
        browsers.append(browser)
        return browser

    yield launch
    for browser in browsers:
        browser.close()


@pytest.fixture(scope="session")
def browser(launch):
    return launch()


class Page:
    """A page whose poses are collected; anything that goes wrong in it fails the test."""

    # Reads what is shown at the moment at which it is shown, and keeps hold of cameras that were opened,
    # of connections, and of all that is said to the worker.
    COLLECT = """
        window.shown = 0;
        document.addEventListener("pose", ({ detail: { result, meta } }) => {
            window.shown += 1;
            window.collect(result, meta);
        });
        window.tracks = [];
        window.said = [];
        if (navigator.mediaDevices) {
            const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (wish) => {
                const stream = await open(wish);
                window.tracks.push(...stream.getTracks());
                return stream;
            };
        }
        window.attempts = 0;
        const fetched = window.fetch;
        window.fetch = (...request) => {
            window.attempts += 1;
            return fetched(...request);
        };
        window.peers = [];
        const Peer = RTCPeerConnection;
        window.RTCPeerConnection = function (...options) {
            const peer = new Peer(...options);
            window.peers.push(peer);
            return peer;
        };
        window.RTCPeerConnection.prototype = Peer.prototype;
        window.RTCPeerConnection.generateCertificate = Peer.generateCertificate.bind(Peer);
        window.channels = new Set();
        const send = RTCDataChannel.prototype.send;
        RTCDataChannel.prototype.send = function (message) {
            window.channels.add(this);
            if (typeof message === "string") window.said.push(message.slice(0, 200));
            return send.call(this, message);
        };
    """
    HIDE = """(hidden) => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""

    def __init__(self, browser, **options):
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(TIMEOUT_MS)
        self.page = self.context.new_page()
        self.poses = []
        self.errors = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)
        self.page.expose_function("collect", lambda result, meta: self.poses.append((result, meta)))
        self.page.add_init_script(self.COLLECT)

    def _console(self, message):
        is_of_ended = "ERR_CONNECTION_REFUSED" in message.text and self.page.url.startswith(tuple(ENDED))
        if message.type == "error" and not is_of_ended:
            self.errors.append(message.text)

    def open(self, link):
        self.page.goto(link)
        return self

    def state(self, word):
        """Waits for the state of the connection."""
        self.page.wait_for_selector(f'#connection[data-state="{word}"]')
        return self

    def hide(self, hidden=True):
        """Lets the page take itself for hidden, or visible again."""
        self.page.evaluate(self.HIDE, hidden)

    def wait(self, function):
        """Waits until the JavaScript function returns something true."""
        return self.page.wait_for_function(function)

    def close(self):
        self.context.close()
        assert self.errors == [], self.errors


@pytest.fixture
def open_page(browser):
    pages = []

    def open_page(link, browser=browser, **options):
        page = Page(browser, **options)
        pages.append(page)
        return page.open(link)

    yield open_page
    for page in pages:
        page.close()
