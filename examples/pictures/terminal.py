#!/usr/bin/env python3
"""Runs the demonstration in a real terminal (tmux) and draws what is on its screen as an SVG.

    terminal.py FILE.svg SIGNALING_URL

SLEAP_STREAM_BIN is the folder of the binaries.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

COLUMNS, ROWS = 100, 40
CELL, LINE, MARGIN = 8.4, 18, 16
INK, GROUND, PROMPT = "#e4e7eb", "#1f2933", "#7bd88f"
# The colours of a terminal by their number in an escape sequence.
COLORS = {31: "#ff7b72", 32: "#7bd88f", 33: "#f2cc60", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea", 90: "#9aa5b1"}

SHOWN = "sleap-stream --stream examples/demo/video.mp4 --fps 30 -o poses.slp"


class Terminal:
    """A terminal on a tmux server of its own."""

    def __init__(self, folder, line, environment):
        self.socket = Path(folder) / "socket"
        self.environment = {**environment, "TERM": "xterm-256color"}
        self.environment.pop("TMUX", None)
        self.run("-f", "/dev/null", "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), f"{line}; read -r _")

    def run(self, *arguments):
        command = ["tmux", "-S", self.socket, *arguments]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout

    def end(self, mark):
        """The screen, with its colours, once the mark is on it."""
        while True:
            screen = self.run("capture-pane", "-p", "-e")
            if mark in screen:
                self.run("kill-server")
                return screen.split(mark)[0].splitlines()


def spans(line):
    """The pieces of a line with their colours and weights."""
    color, bold = INK, False
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        codes = re.fullmatch(r"\x1b\[([0-9;]*)m", piece)
        if not codes:
            yield piece, color, bold
            continue
        for code in (int(code or 0) for code in codes[1].split(";")):
            if code in (0, 39):
                color = INK
            if code in (0, 22):
                bold = False
            if code == 1:
                bold = True
            if code == 2:
                color = COLORS[90]
            color = COLORS.get(code, color)


def draw(lines):
    width = int(2 * MARGIN + COLUMNS * CELL)
    height = int(2 * MARGIN + 22 + len(lines) * LINE)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">'
        ),
        "<title>A stream in a terminal, with its summary</title>",
        f'<rect width="{width}" height="{height}" rx="10" fill="{GROUND}"/>',
    ]
    for dot, color in enumerate(["#ff5f57", "#febc2e", "#28c840"]):
        parts.append(f'<circle cx="{MARGIN + 4 + 18 * dot}" cy="{MARGIN}" r="5" fill="{color}"/>')
    for row, line in enumerate(lines):
        column, y = 0, MARGIN + 34 + row * LINE
        for text, color, bold in spans(line):
            if text.strip():
                weight = ' font-weight="bold"' if bold else ""
                length = f"{len(text) * CELL:.1f}"
                # Blanks that no renderer takes together.
                text = text.replace(" ", "\u00a0")
                parts.append(
                    f'<text x="{MARGIN + column * CELL:.1f}" y="{y}" fill="{color}"{weight} '
                    f'textLength="{length}">{escape(text)}</text>'
                )
            column += len(text)
    return "\n".join([*parts, "</svg>", ""])


def main():
    target, signal = Path(sys.argv[1]), sys.argv[2]
    mark = "-- end of the stream --"
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PATH": f"{os.environ['SLEAP_STREAM_BIN']}:{os.environ['PATH']}"}
        environment["SLEAP_STREAM_SIGNAL"] = signal
        line = f"{SHOWN.replace('poses.slp', folder + '/poses.slp')}; printf '%s\\n' '{mark}'"
        screen = Terminal(folder, line, environment).end(mark)
        # The folder is this run's own, and so is the port.
        screen = [line.replace(folder + "/", "").replace(signal, "ws://127.0.0.1:8080") for line in screen]
    while screen and not re.sub(r"\x1b\[[0-9;]*m", "", screen[-1]).strip():
        screen.pop()
    prompt = f"\x1b[32m$\x1b[0m {SHOWN}"
    target.write_text(draw([prompt, *screen]))


if __name__ == "__main__":
    main()
