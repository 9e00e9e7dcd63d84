"""What Chromium's fake camera plays."""

from pathlib import Path

import cv2
from conftest import DEMO


def camera_file(folder: Path) -> Path:
    """The demonstration's video as Chromium's fake camera takes it: a Y4M file, which it repeats."""
    path = folder / "mouse.y4m"
    video = cv2.VideoCapture(str(DEMO / "video.mp4"))
    with open(path, "wb") as file:
        file.write(b"YUV4MPEG2 W512 H384 F30:1 Ip A1:1 C420jpeg\n")
        while (read := video.read())[0]:
            file.write(b"FRAME\n" + cv2.cvtColor(read[1], cv2.COLOR_BGR2YUV_I420).tobytes())
    return path
