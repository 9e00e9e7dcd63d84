"""The pictures that other programs stream: those of a recording of sleap-stream's test pattern."""

import cv2

FPS = 30
# Three seconds, which repeat.
COUNT = 90


def read(recording):
    """The first pictures of a recording."""
    video = cv2.VideoCapture(str(recording))
    pictures = [video.read()[1] for _ in range(COUNT)]
    if pictures[-1] is None:
        raise ValueError(f"{recording} has fewer than {COUNT} frames")
    return pictures
