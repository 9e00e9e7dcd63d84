#!/usr/bin/env python3
"""Writes frames to standard output as an acquisition program would: bare pixels, one frame after the other."""

import sys
import time

width, height = 320, 240
frames = int(sys.argv[1]) if len(sys.argv) > 1 else 100
for number in range(frames):
    frame = bytearray(width * height)  # gray; of a numpy array: .tobytes()
    x = number % (width - 20)
    for y in range(100, 120):
        frame[y * width + x : y * width + x + 20] = b"\xff" * 20
    sys.stdout.buffer.write(frame)  # waits while the client is behind
    sys.stdout.buffer.flush()
    time.sleep(1 / 30)
