"""The browser's camera over coded lanes: every frame answered once or counted, and the pose is that of the frame."""

import json
from contextlib import ExitStack

import pytest
from camera_file import camera_file
from conftest import DEMO, Page
from test_camera import camera_browser, camera_state, check_camera_poses, the_videos_poses  # noqa: F401
from wide_area import CAMERA_FLAGS, Unavailable, hosts

# Lanes that the page uses at least, and those that it keeps open.
LEAST, FIRST = 4, 12

OPEN_LANES = "[...window.channels].filter((it) => it.maxRetransmits === 0 && !it.ordered)"


def with_lanes(link, lanes):
    """The page's link with a choice of lanes, as the command line's --lanes."""
    return link.replace("/#", f"/?lanes={lanes}#")


def start(page):
    page.state("connected").page.click("#camera")
    camera_state(page, "live")


def wait_for_lanes(page, lanes):
    page.wait(f"() => Number(document.getElementById('lanes').dataset.value) >= {lanes}")


def wait_for_poses(page, more):
    shown = page.page.evaluate("() => window.shown")
    page.wait(f"() => window.shown > {shown + more}")


def stop(page):
    """Ends the stream: each frame that was sent is answered once, or counted as lost."""
    page.page.click("#camera")
    camera_state(page, "stopped")
    said = page.page.evaluate("() => window.said")
    end = json.loads(next(text for text in said if '"STREAM_END"' in text))
    ids = [result["frame_id"] for result, _ in page.poses]
    assert len(ids) == len(set(ids)), "a frame is answered twice"
    lost = int(page.page.get_attribute("#lost", "data-value") or 0)
    assert end["total_sent"] == len(ids) + lost


def in_order(poses):
    """Answers of live frames pass each other."""
    return sorted(poses, key=lambda pose: pose[0]["frame_id"])


@pytest.fixture
def far_page(tmp_path, playwright):
    """Opens the page of a worker that is at the other end of a link with these properties; yields worker and page."""
    with ExitStack() as stack:

        def open_far_page(*link, script=""):
            try:
                pair = stack.enter_context(hosts(*link))
            except Unavailable:
                pytest.skip("network namespaces cannot be made here")
            worker = stack.enter_context(pair.worker(tmp_path, "--model", DEMO / "model"))
            flags = [*CAMERA_FLAGS, f"--use-file-for-fake-video-capture={camera_file(tmp_path)}"]
            browser = playwright.chromium.launch(executable_path=pair.chromium(tmp_path), args=flags)
            stack.callback(browser.close)
            page = Page(browser, ignore_https_errors=True)
            stack.callback(page.close)
            page.page.add_init_script(script)
            return worker, page.open(worker.send_link)

        yield open_far_page


@pytest.mark.parametrize(
    "link",
    [("--loss", "1"), ("--loss", "3", "--burst", "3", "--jitter", "4", "--reorder", "1")],
    ids=["losses", "bursts"],
)
def test_a_camera_behind_a_lossy_link_gets_the_poses_of_its_frames(worker, far_page, link):
    known = the_videos_poses(worker)
    far_worker, page = far_page("--rtt", "50", "--rate", "20", *link)
    start(page)
    # By itself: nothing but the path tells the page to.
    wait_for_lanes(page, LEAST)
    wait_for_poses(page, 100)
    stop(page)
    assert page.page.evaluate(f"() => {OPEN_LANES}.length") >= LEAST
    assert "sending live frames and answers over lanes" in far_worker.log()
    # Where packets get lost there is parity.
    assert float(page.page.get_attribute("#parity", "data-value")) > 0
    check_camera_poses(in_order(page.poses), known, 640, 1.0)


def test_lanes_that_die_or_do_not_open_are_replaced(worker, open_page, camera_browser):  # noqa: F811
    known = the_videos_poses(worker)
    page = open_page("about:blank", browser=camera_browser)
    # The first handshakes of lanes fail: those behind that of the viewer and that of the stream.
    page.page.add_init_script("""
        const take = RTCPeerConnection.prototype.setRemoteDescription;
        window.failed = 0;
        RTCPeerConnection.prototype.setRemoteDescription = function (description) {
            const fails = window.peers.indexOf(this) >= 2 && window.failed < 10;
            if (!fails) return take.call(this, description);
            window.failed += 1;
            return Promise.reject(new Error("of the test"));
        };
    """)
    page.open(with_lanes(worker.send_link, "coded"))
    start(page)
    wait_for_lanes(page, FIRST)
    assert page.page.evaluate("() => window.failed") == 10
    wait_for_poses(page, 30)
    # All but two die at once; then even these.
    page.page.evaluate("() => window.peers.slice(2, -2).forEach((peer) => peer.close())")
    wait_for_lanes(page, FIRST)
    wait_for_poses(page, 30)
    page.page.evaluate("() => window.peers.slice(2).forEach((peer) => peer.close())")
    wait_for_poses(page, 10)
    wait_for_lanes(page, FIRST)
    wait_for_poses(page, 30)
    stop(page)
    check_camera_poses(in_order(page.poses), known, 640, 1.0)


def test_nothing_stays_open_after_a_camera_that_is_stopped_at_once(worker, open_page, camera_browser):  # noqa: F811
    page = open_page(with_lanes(worker.send_link, "coded"), browser=camera_browser).state("connected")
    # As soon as the stream is announced, while lanes are on their way.
    page.page.evaluate("""() => {
        const send = RTCDataChannel.prototype.send;
        RTCDataChannel.prototype.send = function (message) {
            if (String(message).includes("LANE_OFFER") && !window.isStopped) {
                window.isStopped = true;
                camera.click();
            }
            return send.call(this, message);
        };
    }""")
    page.page.click("#camera")
    page.wait("() => window.isStopped")
    camera_state(page, "stopped")
    # The first is the viewer's.
    only_the_viewer = "() => window.peers.slice(1).every((peer) => peer.signalingState === 'closed')"
    page.wait(only_the_viewer)
    start(page)
    wait_for_lanes(page, FIRST)
    wait_for_poses(page, 10)
    page.page.click("#camera")
    camera_state(page, "stopped")
    page.wait(only_the_viewer)


@pytest.mark.parametrize("lanes", ["coded", "1"])
def test_frames_without_an_answer_are_counted_at_the_end(worker, open_page, camera_browser, lanes):  # noqa: F811
    page = open_page("about:blank", browser=camera_browser)
    # The answers to all frames from a certain one on get lost.
    page.page.add_init_script("""
        const parse = JSON.parse;
        window.unanswered = new Set();
        JSON.parse = (text) => {
            const value = parse(text);
            const isLost = value?.type === "PREDICTION" && value.frame_id > 40;
            if (isLost) window.unanswered.add(value.frame_id);
            return isLost ? {} : value;
        };
    """)
    page.open(with_lanes(worker.send_link, lanes))
    start(page)
    page.wait("() => window.unanswered.size >= 2")
    stop(page)
    assert int(page.page.get_attribute("#lost", "data-value")) > 0
    assert page.page.get_attribute("#network-card", "hidden") is None


# What the browser measures on a busy machine is not what these are about.
SHORT_WAY = """
    const stats = RTCPeerConnection.prototype.getStats;
    RTCPeerConnection.prototype.getStats = async function () {
        const report = await stats.call(this);
        return new Map([...report].map(([id, entry]) => [id, { ...entry, currentRoundTripTime: 0.001 }]));
    };
"""


def test_losses_on_a_short_way_open_lanes(far_page):
    _, page = far_page("--rtt", "1", "--rate", "20", "--loss", "10", script=SHORT_WAY)
    start(page)
    wait_for_lanes(page, LEAST)
    wait_for_poses(page, 30)
    stop(page)
    said = page.page.evaluate("() => window.said")
    first = next(at for at, text in enumerate(said) if "LANE_OFFER" in text)
    assert sum("FRAME_META" in text for text in said[:first]) > 32, "lanes were opened before losses showed"


def test_a_short_way_without_losses_has_one_connection(worker, open_page, camera_browser):  # noqa: F811
    page = open_page("about:blank", browser=camera_browser)
    page.page.add_init_script(SHORT_WAY)
    page.open(worker.send_link)
    start(page)
    wait_for_poses(page, 30)
    assert page.page.evaluate("() => window.said.filter((text) => text.includes('LANE_OFFER')).length") == 0
    assert page.page.is_hidden("#network-card")
    stop(page)


def test_a_worker_without_lanes_gets_its_frames_over_one_connection(worker, open_page, camera_browser):  # noqa: F811
    page = open_page("about:blank", browser=camera_browser)
    page.page.add_init_script("""
        const parse = JSON.parse;
        JSON.parse = (text) => {
            const value = parse(text);
            if (value?.type === "STREAM_ACK") {
                delete value.shard_lanes;
                delete value.lanes;
            }
            return value;
        };
    """)

    def without_lanes(route):
        answer = route.fetch()
        lines = answer.text().split("\r\n")
        route.fulfill(response=answer, body="\r\n".join(line for line in lines if "x-sleap" not in line))

    page.page.route("**/stream", without_lanes)
    page.open(with_lanes(worker.send_link, "coded"))
    start(page)
    wait_for_poses(page, 30)
    assert page.page.evaluate("() => window.said.filter((text) => text.includes('LANE_OFFER')).length") == 0
    stop(page)


# Offers more lanes than there may be; none of them is opened.
OFFER_MANY = """async ([token, offers, most]) => {
    const { connect } = await import("/link.js");
    const link = await connect("stream", token);
    const peer = new RTCPeerConnection();
    peer.createDataChannel("frame-stream", { negotiated: true, id: 0, ordered: false, maxRetransmits: 0 });
    await peer.setLocalDescription(await peer.createOffer());
    const { sdp } = peer.localDescription;
    let taken = 0;
    const reasons = new Set();
    const answer = (type, isLast = () => true) => new Promise((resolve) => {
        link.channel.addEventListener("message", ({ data }) => {
            const message = typeof data === "string" && data.startsWith("{") ? JSON.parse(data) : {};
            if (message.type === type && isLast(message)) resolve();
        });
    });
    const full = answer("LANE_ANSWER", ({ sdp, message }) => {
        if (sdp) taken += 1;
        else reasons.add(message);
        return taken >= most && reasons.size > 0;
    });
    for (let lane = 16; lane < 16 + offers; lane += 1) {
        link.channel.send(JSON.stringify({ type: "LANE_OFFER", lane, sdp, shards: true }));
    }
    await full;
    // What the worker does with offers comes before its answer to this.
    const acknowledged = answer("STREAM_ACK");
    link.channel.send(JSON.stringify({ type: "STREAM_START", source_name: "many", answers: true }));
    await acknowledged;
    link.peer.close();
    return { taken, reasons: [...reasons] };
}"""


def test_a_page_that_offers_lanes_without_end_gets_no_more_than_there_may_be(worker, open_page, camera_browser):  # noqa: F811
    page = open_page(with_lanes(worker.send_link, "coded"), browser=camera_browser)
    start(page)
    wait_for_lanes(page, LEAST)
    hostile = open_page(worker.send_link, browser=camera_browser).state("connected")
    token = worker.send_link.split("/#")[1]
    many = hostile.page.evaluate(OFFER_MANY, [token, 100, 40])
    assert many["taken"] == 40
    assert set(many["reasons"]) <= {"there are not that many lanes for shards", "lanes were offered too often"}
    # The other page's stream goes on.
    wait_for_poses(page, 30)
    stop(page)
