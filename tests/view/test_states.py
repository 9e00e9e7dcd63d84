"""What the page shows when there is no picture to show, and what each link allows."""

import signal

import pytest
from conftest import DEMO, ENDLESS, VIDEO, predictions, running_worker, streaming


def heading(page):
    return page.page.text_content("#notice-heading")


def has_heading(page, words):
    page.wait(f"() => document.getElementById('notice-heading').textContent.startsWith({words!r})")


def is_stale(page):
    return page.page.evaluate("() => document.body.classList.contains('stale')")


def test_a_worker_that_is_gone_is_reported_with_the_seconds_and_its_figures_stay(tmp_path, open_page, front):
    with running_worker(tmp_path, "--model", DEMO / "model") as worker:
        page = open_page(front.lead_to(worker)).state("connected")
        with streaming(worker, source=ENDLESS):
            page.wait("() => Number(document.getElementById('frames').dataset.value) > 10")
            page.wait("() => document.getElementById('clients').textContent === '1'")
    page.state("lost")
    has_heading(page, "The worker is not reachable since ")
    page.wait("() => Number(document.getElementById('notice-heading').textContent.match(/since (\\d+) s/)[1]) >= 2")
    assert page.page.text_content("#notice-text").startswith("Trying again.")
    # The state does not change with each attempt, and no words of the browser's are shown.
    assert page.page.get_attribute("#connection", "data-state") == "lost"
    page.wait("() => window.attempts > 1 && !document.getElementById('notice-text').textContent.includes('fetch')")
    assert is_stale(page)
    assert page.page.text_content("#source") == "test pattern"
    assert int(page.page.get_attribute("#frames", "data-value")) > 10
    # The same links work again after a restart, because the tokens are kept.
    with running_worker(tmp_path, "--model", DEMO / "model") as again:
        assert again.token == worker.token
        front.lead_to(again)
        page.state("connected")
        page.wait("() => !document.body.classList.contains('stale')")
    # New secrets end the old links.
    with running_worker(tmp_path, "--new-secret") as renewed:
        assert renewed.token != worker.token
        front.lead_to(renewed)
        page.state("wrong-link")
        assert heading(page) == "This link does not work any more"
        text = page.page.text_content("#notice-text")
        assert "open the link" in text and text.startswith("The ") and text.endswith(".")
    page.errors.clear()  # The browser logs the attempts.


def test_a_stream_that_ended_leaves_its_figures(worker, open_page):
    page = open_page(worker.link).state("connected")
    has_heading(page, "No stream yet")
    with streaming(worker, source=VIDEO) as client:
        frames = len(predictions(client))
    has_heading(page, f"Stream ended, {frames} frames")
    assert page.page.get_attribute("#frames", "data-value") == str(frames)
    assert page.page.text_content("#source") == "video.mp4"
    assert page.page.text_content("#fps-now") == "Ended"
    assert page.page.locator("#live").is_hidden() and page.page.locator("#rate").is_hidden()
    # Also for a page that comes later.
    later = open_page(worker.link).state("connected")
    has_heading(later, f"Stream ended, {frames} frames")


def test_a_stream_without_frames_is_reported(worker, open_page):
    with streaming(worker, source=ENDLESS) as client:
        open_page(worker.link).wait("() => document.getElementById('live').hidden === false")
        client.send_signal(signal.SIGSTOP)
        try:
            page = open_page(worker.link).state("connected")
            has_heading(page, "Waiting for a picture")
        finally:
            client.send_signal(signal.SIGCONT)
        page.wait("() => document.getElementById('notice').hidden && !document.getElementById('live').hidden")


def test_a_pause_has_a_badge_and_no_rate(worker, open_page):
    page = open_page(worker.link).state("connected")
    with streaming(worker, source=ENDLESS):
        page.wait("() => !document.getElementById('live').hidden && !document.getElementById('rate').hidden")
        page.page.click("#pause")
        assert page.page.locator("#paused").is_visible()
        assert page.page.locator("#live").is_hidden() and page.page.locator("#rate").is_hidden()
        frames = int(page.page.get_attribute("#frames", "data-value"))
        page.wait(f"() => Number(document.getElementById('frames').dataset.value) > {frames + 30}")
        assert page.page.locator("#live").is_hidden() and page.page.locator("#rate").is_hidden()
        page.page.click("#pause")
        page.wait("() => !document.getElementById('live').hidden && document.getElementById('paused').hidden")


def test_a_link_without_its_last_part_is_reported(worker, open_page):
    page = open_page(worker.origin).state("no-token")
    assert heading(page) == "This link is not complete"
    assert "after #" in page.page.text_content("#notice-text")
    assert page.page.evaluate("() => window.peers.length") == 0


def test_frames_that_the_client_drops_are_shown(worker, open_page):
    page = open_page(worker.link).state("connected")
    # More frames than the model can take on any machine.
    with streaming(worker, source=("--test-pattern", "512x384@1000")):
        page.wait("() => Number(document.getElementById('skipped').dataset.value) > 20")


def test_scores_are_means_and_nodes_have_names_and_colours(worker, open_page):
    page = open_page(worker.link).state("connected")
    with streaming(worker, source=ENDLESS):
        page.wait("() => document.querySelectorAll('#instances li').length === 1")
        page.page.click("#pause")
        # The list follows the picture within a second.
        page.wait("() => document.querySelectorAll('#nodes b')[0].textContent !== ''")
    [score] = page.page.locator("#instances .score").all_text_contents()
    assert 0 < float(score) <= 1
    assert page.page.locator("#nodes span").all_text_contents()[0] == "nose"
    colors = page.page.eval_on_selector_all(
        "#nodes li", "(lines) => lines.map((line) => line.style.getPropertyValue('--color'))"
    )
    assert colors[:3] == ["#00b0ff", "#ff8200", "#32e66e"]
    assert "median" in page.page.inner_text("thead") and "middle" not in page.page.inner_text("body")


# Opens a channel as a client does, with the page's own token, and tries to stream over it.
STREAM_ANYWAY = """async (path) => {
    const peer = new RTCPeerConnection();
    const channel = peer.createDataChannel("frame-stream");
    await peer.setLocalDescription(await peer.createOffer());
    const headers = { "Content-Type": "application/sdp", Authorization: `Bearer ${location.hash.slice(1)}` };
    const answer = await fetch(path, { method: "POST", headers, body: peer.localDescription.sdp });
    const text = await answer.text();
    if (!answer.ok) return { status: answer.status, text };
    await peer.setRemoteDescription({ type: "answer", sdp: text });
    await new Promise((open) => channel.addEventListener("open", open));
    channel.send(JSON.stringify({ type: "STREAM_START", source_name: "intruder", answers: true }));
    channel.send(JSON.stringify({ type: "VIEW", fps: 0 }));
    const seen = [];
    await new Promise((done) => channel.addEventListener("message", ({ data }) => {
        if (typeof data === "string") seen.push(JSON.parse(data));
        if (seen.filter((message) => message.type === "STATUS").length > 2) done();
    }));
    peer.close();
    return { status: answer.status, types: seen.map((message) => message.type), stream: seen.at(-1).stream ?? null };
}"""


def test_a_look_link_cannot_stream(worker, open_page):
    page = open_page(worker.link).state("connected")
    assert page.page.locator("#camera").is_hidden()
    refused = page.page.evaluate(STREAM_ANYWAY, "stream")
    assert refused["status"] == 403 and "send link" in refused["text"]
    # Nor over a viewer's channel.
    viewer = page.page.evaluate(STREAM_ANYWAY, "view")
    assert set(viewer["types"]) == {"STATUS"} and viewer["stream"] is None
    assert "stream starts" not in worker.log()
    page.errors.clear()  # The browser logs the refusal.


def test_a_send_link_where_watching_is_switched_off(tmp_path, open_page):
    with running_worker(tmp_path, "--view-links", "send") as worker:
        page = open_page(worker.send_link).state("send-only")
        assert heading(page) == "This link sends a camera"
        assert page.page.locator("#camera").is_visible()
        page.errors.clear()  # The browser logs the refusal.


PHONE = {"width": 390, "height": 780}
CUT = """() => [...document.querySelectorAll("h1, h2, p, dt, dd, td, th, li, button, label, .pill, .badge, .message")]
    .filter((element) => element.offsetParent && element.scrollWidth > element.clientWidth + 1)
    .map((element) => element.id || element.textContent)"""
OUTSIDE = """() => [...document.querySelectorAll("body *")]
    .filter((element) => element.offsetParent && element.getBoundingClientRect().right > innerWidth + 1)
    .map((element) => element.id || element.className || element.tagName)"""


@pytest.mark.parametrize("width", [390, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_on_a_phones_screen(worker, open_page, width, scheme):
    page = open_page(worker.send_link, viewport={**PHONE, "width": width}, color_scheme=scheme).state("connected")
    name = "a camera with a rather long name that no screen has room for in one line, really not.mp4"
    lightness = page.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (lightness == "rgb(12, 17, 23)") == (scheme == "dark")
    with streaming(worker, source=ENDLESS):
        page.wait("() => !document.getElementById('rate').hidden")
        page.page.evaluate(
            """(name) => {
                for (const id of ["source", "model-name", "message"]) document.getElementById(id).textContent = name;
            }""",
            name,
        )
        assert page.page.evaluate(CUT) == []
        assert page.page.evaluate(OUTSIDE) == []
    has_heading(page, "Stream ended")
    assert page.page.evaluate(CUT) == []
    assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_labels_and_badges_do_not_overlap(worker, open_page):
    page = open_page(worker.link, viewport=PHONE).state("connected")
    with streaming(worker, source=ENDLESS):
        page.wait("() => !document.getElementById('rate').hidden")
        boxes = page.page.evaluate("""() => ["rate", "live", "overlay"].map((id) => {
            const box = document.getElementById(id).getBoundingClientRect();
            return [box.top, box.bottom];
        })""")
    (_, rate), (_, live), (overlay, _) = boxes
    assert max(rate, live) <= overlay
