"""A headless Firefox, driven by WebDriver BiDi over its own port. Playwright drives only its own build of it."""

import base64
import json
import re
import subprocess
import threading
from contextlib import contextmanager
from itertools import count

from websockets.sync.client import connect

# Bounds how long a broken page holds up the tests.
TIMEOUT_S = 60
PREFERENCES = {
    # A camera that needs no device and no question.
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    # There may be no other network than loopback, and pages are not sent to search engines.
    "media.peerconnection.ice.loopback": True,
    "network.proxy.type": 0,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}
WAIT = """(condition) => new Promise((met) => {
    const timer = setInterval(() => {
        if (!condition()) return;
        clearInterval(timer);
        met(true);
    }, 50);
})"""


class Tab:
    """A tab of a browser: opened at a link, asked by JavaScript."""

    def __init__(self, socket, context):
        self._socket = socket
        self._context = context
        self._ids = count(100)

    def command(self, method, **params):
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=TIMEOUT_S))
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def open(self, link, size=(1280, 800)):
        viewport = {"width": size[0], "height": size[1]}
        self.command("browsingContext.setViewport", context=self._context, viewport=viewport)
        self.command("browsingContext.navigate", context=self._context, url=link, wait="complete")
        return self

    def evaluate(self, expression):
        """The value of an expression, or of its promise: a text, a number or a truth value."""
        answer = self.command(
            "script.evaluate", expression=expression, target={"context": self._context}, awaitPromise=True
        )
        assert answer["type"] == "success", answer
        return answer["result"].get("value")

    def wait(self, condition):
        """Waits until the JavaScript function returns something true."""
        self.evaluate(f"({WAIT})({condition})")

    def state(self, word):
        self.wait(f"() => document.getElementById('connection')?.dataset.state === '{word}'")
        return self

    def screenshot(self, path):
        data = self.command("browsingContext.captureScreenshot", context=self._context)["data"]
        path.write_bytes(base64.b64decode(data))


@contextmanager
def firefox(program, profile):
    """A running Firefox with an empty tab."""
    profile.mkdir(parents=True)
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    lines += ['user_pref("browser.download.folderList", 2);']
    lines += [f'user_pref("browser.download.dir", {json.dumps(str(profile))});']
    (profile / "user.js").write_text("\n".join(lines))
    command = [program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        listening = (re.search(r"BiDi listening on (ws://\S+)", line) for line in process.stderr)
        address = next(filter(None, listening)).group(1)
        # Firefox waits where its messages are not read.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        with connect(f"{address}/session", max_size=None) as socket:
            browser = Tab(socket, None)
            browser.command("session.new", capabilities={})
            [context, *_] = browser.command("browsingContext.getTree")["contexts"]
            yield Tab(socket, context["context"])
    finally:
        process.kill()
        process.wait()
