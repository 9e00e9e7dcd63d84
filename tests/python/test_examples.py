"""The example scripts tell people what is wrong in one line, not in a traceback."""

import json
import pathlib
import signal
import socket
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "examples" / "closed-loop"
REGION = ["--region", "0,0,10,10"]


def start(script, *args):
    command = [sys.executable, FOLDER / script, *args]
    # A shell starts background jobs with Ctrl-C ignored, which programs inherit.
    with_ctrl_c = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **with_ctrl_c)


def ended(program):
    """The exit code and the error, which is no traceback."""
    _, error = program.communicate(timeout=60)
    assert "Traceback" not in error
    return program.returncode, error


def test_a_node_that_the_model_does_not_have():
    program = start("udp_trigger.py", "--port", "0", "--node", "nos", *REGION)
    port = int(program.stdout.readline().rpartition(":")[2])
    skeleton = json.dumps({"type": "skeleton", "nodes": ["nose", "tail"]}).encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(skeleton, ("127.0.0.1", port))
    code, error = ended(program)
    assert code == 1
    assert "'nos'" in error and "--node nose" in error and "tail" in error


@pytest.mark.parametrize("script", ["udp_trigger.py", "zmq_trigger.py"])
@pytest.mark.parametrize("region", ["0,0,10", "a,b,c,d", "10,0,0,10"])
def test_a_region_that_is_none(script, region):
    code, error = ended(start(script, "--region", region))
    assert code == 2 and region in error


def test_a_port_that_is_taken():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = str(other.getsockname()[1])
        code, error = ended(start("udp_trigger.py", "--port", port, *REGION))
    assert code == 1 and port in error and "--port" in error


def test_an_address_of_zeromq_that_is_none():
    code, error = ended(start("zmq_trigger.py", "--connect", "localhost", *REGION))
    assert code == 1 and "localhost" in error and "tcp://HOST:PORT" in error


def test_ctrl_c_ends_without_a_traceback():
    program = start("udp_trigger.py", "--port", "0", *REGION)
    program.stdout.readline()
    program.send_signal(signal.SIGINT)
    code, error = ended(program)
    assert code == 130 and error == ""
