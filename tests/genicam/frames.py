#!/usr/bin/env python3
"""Compares saved frames with the pattern of Aravis's fake camera (`arv_fake_camera_diagonal_ramp`).

    frames.py FOLDER --size WxH --format mono8|mono16|rgb8|bayer [--count N] [--in-order]

With an exposure of 10 ms and no gain a pixel's value is (column + row + number of the frame) modulo 255; colours are those
of the jet colour map. `--in-order`: each frame's number is that of the one before it plus 1.
"""

import argparse
import pathlib
import sys

import cv2
import numpy as np


def start_of(image, form, size):
    """The value in the upper left corner; None where the image does not show the ramp."""
    width, height = size
    ramp = np.add.outer(np.arange(height), np.arange(width))
    if image.shape[:2] != (height, width):
        return None
    if form == "mono8":
        start = int(image[0, 0]) if image.ndim == 2 else None
        return start if start is not None and (image == (start + ramp) % 255).all() else None
    if form == "mono16":
        # 256 times the number, modulo 65535.
        if image.dtype != np.uint16:
            return None
        for start in range(65536):
            if int(image[0, 0]) == 256 * start % 65535:
                return start % 255 if (image == 256 * (start + ramp) % 65535).all() else None
        return None
    if image.ndim != 3:
        return None
    # Along a diagonal all pixels are alike; along a row all colours come.
    middle = image[2:-2, 2:-2].astype(int)
    differ = np.abs(middle[1:, :-1] - middle[:-1, 1:]).max(axis=2)
    # What is between the pixels of a mosaic is estimated.
    alike = differ.max() == 0 if form == "rgb8" else (differ <= 24).mean() > 0.95
    blue = (middle[:, :, 0] > 240) & (middle[:, :, 1] < 60) & (middle[:, :, 2] < 60)
    red = (middle[:, :, 2] > 240) & (middle[:, :, 1] < 60) & (middle[:, :, 0] < 60)
    dark = np.argmin(np.where(blue.any(axis=0), np.arange(blue.shape[1]), 10**6))
    return int(dark) if alike and blue.any() and red.any() else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--size", required=True)
    parser.add_argument("--format", required=True, choices=["mono8", "mono16", "rgb8", "bayer"])
    parser.add_argument("--count", type=int)
    parser.add_argument("--in-order", action="store_true")
    args = parser.parse_args()
    size = tuple(int(side) for side in args.size.split("x"))
    files = sorted(args.folder.rglob("*.png"))
    if not files or (args.count is not None and len(files) != args.count):
        sys.exit(f"{len(files)} frames were saved")
    last = None
    for file in files:
        image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        start = start_of(image, args.format, size)
        if start is None:
            sys.exit(f"{file.name}: {image.shape} {image.dtype} does not show the camera's pattern")
        if args.in_order and last is not None and start != (last + 1) % 255:
            sys.exit(f"{file.name}: {start} follows {last}")
        last = start


if __name__ == "__main__":
    main()
