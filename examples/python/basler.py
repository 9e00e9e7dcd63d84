"""Streams a Basler camera through pypylon; the newest frame wins.

    python basler.py --worker sleap://rig:8080/#SECRET --output poses.slp

Without a camera, PYLON_CAMEMU=1 makes Basler's library emulate one.
"""

import argparse
import time

import sleap_stream
from pypylon import pylon


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worker", help="link of the worker, or the name of a stored one")
    parser.add_argument("--frames", type=int, default=100, help="stop after so many frames")
    parser.add_argument("--output", action="append", help="file of poses: .slp, .csv or .jsonl")
    args = parser.parse_args()
    camera = pylon.InstantCamera(pylon.TlFactory.GetInstance().CreateFirstDevice())
    with sleap_stream.connect(args.worker, name="Basler", jpeg_quality=80, outputs=args.output, on_pose=show) as stream:
        camera.StartGrabbingMax(args.frames, pylon.GrabStrategy_LatestImageOnly)
        sent = 0
        while camera.IsGrabbing():
            with camera.RetrieveResult(5000, pylon.TimeoutHandling_ThrowException) as grabbed:
                if grabbed.GrabSucceeded():
                    # The camera's buffer is used again after this block: send() copies it.
                    stream.send(grabbed.Array, captured_at=time.time())
                    sent += 1
        stream.end()
    print(f"{sent} frames were sent, {stream.stats()['predictions']} have poses")


def show(pose):
    print(f"frame {pose.frame_id}: {len(pose)} animals, {pose.age_ms:.1f} ms old")


if __name__ == "__main__":
    main()
