#!/usr/bin/env python3
"""Draws system.svg and latency.svg into a folder: who runs where, and the parts of a pose's age.

diagrams.py FOLDER
"""

import sys
from pathlib import Path
from xml.sax.saxutils import escape

INK, GRAY, LINE = "#1f2933", "#52606d", "#9aa5b1"
CLIENT, WORKER, LINK, OUT, CAMERA = "#e3f2fd", "#e8f5e9", "#fff8e1", "#f3e5f5", "#ffffff"
EDGES = {CLIENT: "#64b5f6", WORKER: "#81c784", LINK: "#ffb74d", OUT: "#ba68c8", CAMERA: LINE}


class Drawing:
    """An SVG on a white ground, so that it can be read in dark themes too."""

    def __init__(self, width, height, title):
        self.size = (width, height)
        self.parts = [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
                f'font-family="Helvetica, Arial, sans-serif">'
            ),
            f"<title>{escape(title)}</title>",
            (
                '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="11" markerHeight="11" '
                f'markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="{GRAY}"/></marker></defs>'
            ),
            f'<rect width="{width}" height="{height}" rx="12" fill="#ffffff"/>',
        ]

    def box(self, x, y, width, height, color="#ffffff", dashed=False):
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{color}" '
            f'stroke="{EDGES[color]}" stroke-width="1.5"{dash}/>'
        )

    def text(self, x, y, text, size=14, color=INK, anchor="middle", bold=False):
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(
            f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
        )

    def labelled(self, x, y, width, height, lines, color="#ffffff", bold=False):
        self.box(x, y, width, height, color)
        top = y + height / 2 - 9 * (len(lines) - 1) + 5
        for row, line in enumerate(lines):
            is_first = row == 0
            size = 14 if is_first else 12
            self.text(x + width / 2, top + 18 * row, line, size, INK if is_first else GRAY, bold=bold and is_first)

    def arrow(self, x1, y1, x2, y2, both=False, dashed=False, width=1.8):
        start = ' marker-start="url(#tip)"' if both else ""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<path d="M{x1} {y1}L{x2} {y2}" stroke="{GRAY}" stroke-width="{width}" fill="none" '
            f'marker-end="url(#tip)"{start}{dash}/>'
        )

    def bracket(self, x1, x2, y, text, below=True):
        step = 8 if below else -8
        self.parts.append(f'<path d="M{x1} {y}v{step}H{x2}v{-step}" stroke="{GRAY}" stroke-width="1.5" fill="none"/>')
        self.text((x1 + x2) / 2, y + (26 if below else -16), text, 13)

    def save(self, path):
        path.write_text("\n".join([*self.parts, "</svg>", ""]))


def system():
    drawing = Drawing(960, 440, "Who runs where, and which ports are used")
    drawing.box(16, 48, 344, 300, CLIENT)
    drawing.text(188, 36, "Machine with the camera", 15, bold=True)
    drawing.box(600, 48, 344, 300, WORKER)
    drawing.text(772, 36, "Machine with the model", 15, bold=True)

    drawing.labelled(36, 76, 116, 64, ["Camera", "or a video file"])
    drawing.arrow(152, 108, 206, 108)
    drawing.labelled(208, 76, 132, 64, ["sleap-stream", "client"], bold=True)
    drawing.labelled(620, 76, 132, 64, ["sleap-worker", "worker"], bold=True)
    drawing.arrow(752, 108, 806, 108, both=True)
    drawing.labelled(808, 76, 116, 64, ["SLEAP model", "GPU or CPU"])

    drawing.text(480, 72, "signaling: TCP 8080", 13)
    drawing.arrow(342, 86, 618, 86, dashed=True)
    drawing.text(480, 112, "frames: WebRTC over UDP", 13)
    drawing.arrow(342, 122, 618, 122, width=3)
    drawing.arrow(618, 136, 342, 136, width=3)
    drawing.text(480, 156, "poses", 13)
    drawing.text(480, 178, "encrypted, from machine to machine;", 12, GRAY)
    drawing.text(480, 194, "any free UDP port, or --ports", 12, GRAY)

    for row, lines in enumerate(
        [
            ["Files: .slp, .csv, .jsonl, video", "-o FILE, --record FILE"],
            ["Window, picture", "--display, --snapshot FILE"],
        ]
    ):
        drawing.labelled(56, 176 + 56 * row, 264, 44, lines)
    drawing.labelled(56, 288, 264, 44, ["Your program: UDP, OSC, ZeroMQ", "--emit URL"], OUT)
    drawing.arrow(274, 140, 274, 174)
    for row, lines in enumerate(
        [
            ["Window, saved frames", "--display, --save-every N"],
            ["Prometheus: TCP 9464", "--metrics"],
        ]
    ):
        drawing.labelled(640, 176 + 56 * row, 264, 44, lines)
    drawing.labelled(640, 288, 264, 44, ["Your program: UDP, OSC, ZeroMQ", "--emit URL"], OUT)
    drawing.arrow(686, 140, 686, 174)

    drawing.labelled(376, 360, 208, 64, ["Browser or phone", "watches, or sends its camera"], LINK)
    drawing.parts.append(
        f'<path d="M626 140V392H588" stroke="{GRAY}" stroke-width="1.8" fill="none" marker-end="url(#tip)" '
        'marker-start="url(#tip)"/>'
    )
    drawing.text(640, 376, "--view: page over TCP 8081,", 12, GRAY, "start")
    drawing.text(640, 392, "pictures over UDP", 12, GRAY, "start")
    drawing.text(188, 376, "Both programs may run on one machine.", 12, GRAY)
    return drawing


PARTS = [
    ("driver", 66, CAMERA),
    ("capture", 72, CLIENT),
    ("encode", 72, CLIENT),
    ("send", 58, CLIENT),
    ("network", 92, LINK),
    ("decode", 68, WORKER),
    ("queue", 76, WORKER),
    ("preprocess", 90, WORKER),
    ("inference", 128, WORKER),
    ("postprocess", 96, WORKER),
    ("return", 72, LINK),
]


def latency():
    drawing = Drawing(960, 250, "The parts of a pose's age, from capture to the pose")
    top, height, left = 96, 56, 45
    drawing.text(left, 50, "frame captured", 13, GRAY, "start")
    drawing.arrow(left, 58, left, top - 4)
    drawing.text(left + sum(width for _, width, _ in PARTS), 50, "pose received", 13, GRAY, "end")
    drawing.arrow(left + sum(width for _, width, _ in PARTS), 58, left + sum(width for _, width, _ in PARTS), top - 4)
    at, ends = left, {}
    for name, width, color in PARTS:
        drawing.box(at, top, width, height, color)
        drawing.text(at + width / 2, top + 33, name, 13)
        ends[name] = (at, at + width)
        at += width
    for first, last, words in [("capture", "send", "client"), ("decode", "postprocess", "worker")]:
        middle = (ends[first][0] + ends[last][1]) / 2
        drawing.text(middle, top - 12, words, 14, bold=True)
    drawing.bracket(ends["send"][0], ends["return"][1], top + height + 6, "round trip")
    drawing.bracket(ends["driver"][0], ends["return"][1], top + height + 42, "age of the pose")
    drawing.text(480, 24, "Not to scale. The client's clock measures all but the worker's parts.", 12, GRAY)
    return drawing


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    system().save(folder / "system.svg")
    latency().save(folder / "latency.svg")
