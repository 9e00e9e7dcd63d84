"""Whether two files of JSON lines have the same frames and instances, and their points so close.

distance.py FILE FILE PIXELS: prints the largest distance of two points.
"""

import json
import pathlib
import sys


def frames(path: str) -> dict:
    lines = pathlib.Path(path).read_text().splitlines()
    return {line["frame_id"]: line["instances"] for line in map(json.loads, lines)}


def distance(here, there) -> float:
    if here is None or there is None:
        return 0.0 if here == there else float("inf")
    if isinstance(here, list):
        return max((distance(a, b) for a, b in zip(here, there, strict=True)), default=0.0)
    return abs(here - there)


def main() -> None:
    here, there = frames(sys.argv[1]), frames(sys.argv[2])
    assert here.keys() == there.keys() and here
    largest = 0.0
    for number, instances in here.items():
        largest = max(largest, distance(instances, there[number]))
    print(f"largest distance {largest:.2g} px")
    sys.exit(largest > float(sys.argv[3]))


main()
