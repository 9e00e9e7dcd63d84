"""Streams a camera or a video through OpenCV, and prints each pose.

python opencv_camera.py 0 --worker sleap://rig:8080/#SECRET
python opencv_camera.py video.mp4
"""

import argparse

import cv2
import sleap_stream


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="number of a camera, or a video file")
    parser.add_argument("--worker", help="link of the worker, or the name of a stored one")
    parser.add_argument("--frames", type=int, help="stop after so many frames")
    args = parser.parse_args()
    camera = cv2.VideoCapture(int(args.source) if args.source.isdigit() else args.source)
    if not camera.isOpened():
        raise SystemExit(f"{args.source} cannot be opened")
    with sleap_stream.connect(args.worker, name="OpenCV", jpeg_quality=80) as stream:
        count = 0
        while args.frames is None or count < args.frames:
            is_there, frame = camera.read()
            if not is_there:
                break
            pose = stream.predict(frame)
            count += 1
            for points, score in zip(pose.points, pose.scores):
                x, y = points[0]
                print(
                    f"frame {pose.frame_id}  {pose.node_names[0]} {x:.1f} {y:.1f}  score {score:.2f}  {pose.age_ms:.1f} ms"
                )
    print(f"{count} frames")


if __name__ == "__main__":
    main()
