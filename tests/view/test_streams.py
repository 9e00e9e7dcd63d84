"""Several streams at a time: the page lists them, and shows the one that is chosen."""

from conftest import DEMO, running_worker, streaming

SOURCES = (["--test-pattern", "256x192@20"], ["--test-pattern", "320x240@20"])


def names(page):
    return page.page.evaluate("() => [...document.querySelectorAll('#streams button')].map((it) => it.textContent)")


def wait_shown(page, name):
    page.wait(f"""() => [...document.querySelectorAll('#streams button')]
        .some((it) => it.getAttribute('aria-pressed') === 'true' && it.textContent === {name!r})""")


def wait_size(page, size):
    page.wait(f"() => document.getElementById('size').textContent === {size!r}")


def test_a_viewer_chooses_which_stream_is_shown(tmp_path, open_page):
    with running_worker(tmp_path, "--model", DEMO / "model") as worker:
        page = open_page(worker.send_link).state("connected")
        watching = open_page(worker.link).state("connected")
        with streaming(worker, source=SOURCES[0]):
            wait_size(page, "256 × 192")
            assert page.page.locator("#streams-card").is_hidden()
            with streaming(worker, source=SOURCES[1]):
                wait_shown(page, "test_pattern")
                assert names(page) == ["test_pattern", "test_pattern-2"]
                page.page.get_by_role("button", name="test_pattern-2").click()
                for one in (page, watching):
                    wait_shown(one, "test_pattern-2")
                    wait_size(one, "320 × 240")
                    one.wait("() => document.getElementById('picture').width === 320")
                # The link that watches lists them, and chooses none.
                assert watching.page.locator("#streams button:disabled").count() == 2
                # Each has its rate.
                page.wait(
                    "() => [...document.querySelectorAll('#streams b')].every((it) => parseFloat(it.textContent) > 0)"
                )
            # The one that was chosen is over.
            wait_size(page, "256 × 192")
            page.wait("() => document.getElementById('streams-card').hidden")
