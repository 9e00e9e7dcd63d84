#!/usr/bin/env python3
"""Writes the vectors beside it with the code that sleap-nn runs.

    python make.py        # needs sleap-nn 0.3.5 and OpenCV, on a CPU with AVX2

size_match.json: sleap_nn.data.resizing.apply_sizematcher, which resizes with torchvision and pads.
gray.json: cv2.cvtColor(BGR2GRAY).

Pictures are not stored but drawn from the same small generator on both sides: see `noise`.
"""

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from sleap_nn.data.resizing import apply_sizematcher

HERE = Path(__file__).parent

# width, height of the frame; width, height of the model
SMALL = [
    ((16, 12), (8, 6)),
    ((8, 6), (16, 12)),
    ((37, 23), (16, 9)),
    ((9, 16), (37, 23)),
    ((30, 20), (16, 16)),
    ((20, 30), (16, 16)),
    ((16, 10), (16, 16)),
    ((1, 1), (5, 3)),
    ((3, 1), (8, 8)),
    ((1, 7), (4, 4)),
    ((200, 12), (10, 10)),
    ((33, 21), (11, 7)),
]
LARGE = [
    ((512, 384), (256, 192)),
    ((640, 480), (256, 192)),
    ((1920, 1080), (256, 192)),
    ((101, 333), (256, 192)),
    ((250, 187), (256, 192)),
]


def noise(count):
    """The high bytes of a linear congruential generator."""
    state, out = 12345, bytearray()
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        out.append(state >> 24)
    return np.frombuffer(bytes(out), np.uint8)


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def size_match(frame, model):
    (width, height), (model_width, model_height) = frame, model
    image = torch.from_numpy(noise(width * height).reshape(1, height, width).copy())
    matched, scale = apply_sizematcher(image, model_height, model_width)
    assert matched.dtype == torch.uint8
    assert matched.shape == (1, model_height, model_width)
    return matched.numpy().tobytes(), scale


def case(frame, model, whole):
    pixels, scale = size_match(frame, model)
    result = {"frame": frame, "model": model, "scale": scale, "fnv1a": fnv1a(pixels)}
    if whole:
        result["pixels"] = list(pixels)
    return result


def gray():
    corners = [(b, g, r) for b in (0, 1, 254, 255) for g in (0, 1, 254, 255) for r in (0, 1, 254, 255)]
    pixels = np.concatenate([np.array(corners, np.uint8), noise(3 * 192).reshape(-1, 3)])
    result = cv2.cvtColor(pixels[None], cv2.COLOR_BGR2GRAY)[0]
    return {"bgr": pixels.reshape(-1).tolist(), "gray": result.tolist()}


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    assert torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    cases = [case(*sizes, whole=True) for sizes in SMALL]
    cases += [case(*sizes, whole=False) for sizes in LARGE]
    write("size_match.json", cases)
    write("gray.json", gray())
