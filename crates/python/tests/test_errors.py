"""What goes wrong is an exception with words, and nothing lost is a success."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import sleap_stream
from conftest import DEMO

FRAME = np.zeros((192, 256), np.uint8)


def free_port():
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def test_options_are_checked_as_on_the_command_line():
    for options, words in [
        ({"jpeg_qualty": 80}, "jpeg_quality may be meant"),
        ({"jpeg_quality": 101}, "--jpeg-quality"),
        ({"jpeg_quality": True}, "needs a value"),
        ({"webcam": 0}, "hands the frames in itself"),
        ({"output": "poses.txt"}, "poses.txt"),
        ({"emit": object()}, "of type object"),
        ({"policy": "best"}, "'newest' or 'all'"),
        ({"policy": "all", "max_latency": 100}, "--max-latency"),
        ({"timeout": -1}, "seconds from 0"),
    ]:
        with pytest.raises(sleap_stream.OptionError) as error:
            sleap_stream.connect("sleap://127.0.0.1:1/", **options)
        assert words in str(error.value), error.value
    with pytest.raises(sleap_stream.OptionError, match="--worker"):
        sleap_stream.connect("sleap://")


def test_no_worker_is_a_connection_error():
    with pytest.raises(sleap_stream.ConnectError, match="127.0.0.1") as error:
        sleap_stream.connect(f"sleap://127.0.0.1:{free_port()}/")
    assert isinstance(error.value, ConnectionError)


def test_a_worker_without_a_model_is_refused():
    with sleap_stream.Worker() as worker, pytest.raises(sleap_stream.ConnectError, match="has no model"):
        sleap_stream.connect(worker.link)


def test_a_busy_worker_is_named():
    with (
        sleap_stream.Worker(DEMO / "model", device="cpu", max_streams=1) as worker,
        sleap_stream.connect(worker.link),
        pytest.raises(sleap_stream.ConnectError, match="busy"),
    ):
        sleap_stream.connect(worker.link)


def test_a_wait_for_a_worker_ends_in_time():
    with pytest.raises(sleap_stream.StreamTimeoutError) as error:
        sleap_stream.connect(f"sleap://127.0.0.1:{free_port()}/", wait=True, timeout=0.2)
    assert isinstance(error.value, TimeoutError)


def test_a_secret_that_is_wrong_is_refused():
    with sleap_stream.Worker(DEMO / "model", device="cpu", secret="A" * 22) as worker:
        place, _, secret = worker.link.partition("#")
        assert secret == "A" * 22
        with pytest.raises(sleap_stream.ConnectError, match="secret"):
            sleap_stream.connect(place + "#" + "B" * 22)
        with sleap_stream.connect(worker.link) as stream:
            stream.predict(FRAME)


class Program:
    """A worker in a process of its own."""

    def __init__(self, binaries, *args):
        command = [binaries / "sleap-worker", "--listen", "127.0.0.1:0", "--model", DEMO / "model", *args]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        ready = self.process.stdout.readline()
        self.link = "sleap://" + re.search(r"ws://(\S+)", ready).group(1) + "/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_a_worker_that_dies_is_a_loss(binaries):
    with Program(binaries) as program:
        stream = sleap_stream.connect(program.link, policy="all", reconnect_timeout=0)
        stream.predict(FRAME)
        program.process.kill()
        with pytest.raises((sleap_stream.FrameLostError, sleap_stream.StreamClosedError)):
            while True:
                stream.predict(FRAME)
        with pytest.raises(sleap_stream.StreamError, match="was lost after"):
            stream.close()


def test_a_block_whose_worker_dies_raises(binaries):
    with (
        Program(binaries) as program,
        pytest.raises(sleap_stream.StreamError, match="was lost after"),
        sleap_stream.connect(program.link, policy="all", reconnect_timeout=0) as stream,
    ):
        stream.predict(FRAME)
        program.process.kill()
        program.process.wait()


def test_an_exception_of_the_block_is_not_hidden(worker):
    with pytest.raises(KeyError), sleap_stream.connect(worker.link) as stream:
        stream.predict(FRAME)
        raise KeyError("mine")


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises an exception, which it does not in what a shell runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_a_wait(worker):
    with sleap_stream.connect(worker.link) as stream:
        stream.predict(FRAME)
        main = threading.main_thread().ident
        waits = threading.Event()

        def interrupt():
            waits.wait()
            signal.pthread_kill(main, signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            waits.set()
            # No frame was sent: nothing comes.
            next(stream.poses())
        thread.join()
        stream.predict(FRAME)


def test_a_timeout_is_an_exception(worker):
    with sleap_stream.connect(worker.link) as stream:
        with pytest.raises(sleap_stream.StreamTimeoutError, match="0.05"):
            next(stream.poses(timeout=0.05))
        with pytest.raises(sleap_stream.StreamTimeoutError, match="longer timeout"):
            stream.predict(FRAME, timeout=0)


def test_a_fork_may_not_use_the_stream(worker):
    stream = sleap_stream.connect(worker.link)
    stream.predict(FRAME)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        # Nothing else of the test may run here.
        try:
            stream.predict(FRAME)
            answer = "it was used"
        except sleap_stream.ForkError as error:
            answer = str(error)
        except BaseException as error:  # noqa: BLE001
            answer = repr(error)
        os.write(write, answer.encode())
        del stream
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        assert "is a fork" in answer.read()
    assert os.waitpid(pid, 0)[1] == 0
    stream.predict(FRAME)
    stream.close()


def spawned(link, answers):
    with sleap_stream.connect(link) as stream:
        answers.put(len(stream.predict(FRAME).node_names))


def test_a_spawned_process_has_a_stream_of_its_own(worker):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=spawned, args=(worker.link, answers))
    process.start()
    assert answers.get(timeout=120) == 5
    process.join()
    assert process.exitcode == 0


def test_the_log_goes_to_python(tmp_path):
    script = """
        import logging, sys
        logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")
        import sleap_stream
        with sleap_stream.Worker() as worker:
            print("link", worker.link)
        logging.shutdown()
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"^sleap_stream INFO .*no --model", done.stdout, re.MULTILINE), done.stdout
    assert done.stderr == "", done.stderr


def test_nothing_is_printed_and_nothing_hangs_at_the_end_of_a_program():
    script = f"""
        import numpy as np, sleap_stream
        worker = sleap_stream.Worker({str(DEMO / "model")!r}, device="cpu")
        stream = sleap_stream.connect(worker.link, on_pose=lambda pose: None)
        stream.send(np.zeros((192, 256), np.uint8)).result(60)
        # Neither is closed.
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
