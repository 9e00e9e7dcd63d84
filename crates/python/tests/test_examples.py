"""The examples of examples/python do what they say."""

import os
import re
import subprocess
import sys

import pytest
from conftest import DEMO, ROOT

FOLDER = ROOT / "examples" / "python"


def run(script, *args, **variables):
    environment = {**os.environ, **variables}
    command = [sys.executable, FOLDER / script, *map(str, args)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_opencv_camera(worker):
    printed = run("opencv_camera.py", DEMO / "video.mp4", "--worker", worker.link, "--frames", "12")
    assert printed.endswith("12 frames\n")
    assert len(re.findall(r"^frame \d+  \w+ ", printed, re.MULTILINE)) == 12


def test_a_basler_camera_that_is_emulated(worker, tmp_path):
    pytest.importorskip("pypylon")
    poses = tmp_path / "poses.csv"
    printed = run("basler.py", "--worker", worker.link, "--frames", "10", "--output", poses, PYLON_CAMEMU="1")
    assert "10 frames were sent" in printed
    assert int(re.search(r"(\d+) have poses", printed).group(1)) >= 1
    assert poses.exists()


def test_the_notebook_runs():
    nbformat, nbclient = (pytest.importorskip(name) for name in ("nbformat", "nbclient"))
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(FOLDER / "live_plot.ipynb", as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}})
    client.execute()
    printed = "".join(out.get("text", "") for cell in notebook.cells for out in cell.get("outputs", []))
    assert "60 frames, median age" in printed
