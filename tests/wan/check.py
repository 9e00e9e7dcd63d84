#!/usr/bin/env python3
"""Checks what short.sh and soak.sh have streamed over a bad link.

check.py FOLDER             with poses.jsonl, expected.jsonl, events.jsonl and client.log
check.py --clean FOLDER     the same of a video that comes again and again, where nothing is lost: in large shards at last
check.py --every N FOLDER   with every.jsonl, events.jsonl and client.log: none of N frames may be missing
check.py --soak FOLDER      the first, of a video that comes again and again, and memory.txt: it has to stay as it is
"""

import json
import pathlib
import sys

# Lanes that die are made up for by others, and leave holes in the heap.
MOST_GROWTH = 1.2


def lines(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def problems(folder: pathlib.Path, is_repeated: bool = False, is_clean: bool = False) -> list[str]:
    """What is not as it has to be."""
    found = []
    expected = {pose["frame_id"]: pose["instances"] for pose in lines(folder / "expected.jsonl")}
    poses = lines(folder / "poses.jsonl")
    summary = next(event for event in lines(folder / "events.jsonl") if event["event"] == "summary")
    print({key: summary[key] for key in ("frames", "predictions", "dropped", "lost_on_the_way", "parity_percent")})

    frames = [pose["frame_id"] for pose in poses]
    if len(set(frames)) != len(frames):
        found.append("a frame is answered twice")
    if wrong := [pose["frame_id"] for pose in poses if pose["instances"] != expected[pose["frame_id"] % len(expected)]]:
        found.append(f"poses of other frames: {wrong}")
    if len(frames) != summary["predictions"]:
        found.append(f"{len(frames)} poses are written, {summary['predictions']} are counted")
    if summary["frames"] != summary["predictions"] + summary["lost_on_the_way"]:
        found.append("frames are neither answered nor counted as lost")
    total = summary["frames"] + summary["dropped"]
    if not is_clean and (total % len(expected) if is_repeated else total != len(expected)):
        found.append(f"{total} frames of a video of {len(expected)} are sent or counted as left out")
    if not summary["shard_bytes"]:
        found.append("nothing went over coded lanes")

    log = (folder / "client.log").read_text()
    if " ERROR " in log:
        found.append("an error was logged")
    return found + (with_nothing_lost(log) if is_clean else with_dead_lanes(log))


def with_nothing_lost(log: str) -> list[str]:
    """What is not as it has to be on a clean link."""
    words = "nothing is lost: units go in few large shards"
    return [] if words in log else ["no frame went in large shards"]


def with_dead_lanes(log: str) -> list[str]:
    """What is not as it has to be where lanes are cut."""
    found = []
    _, _, after = log.partition("a lane for shards has ended reason=Some(PeerLost)")
    if not after:
        found.append("no lane died")
    elif "a lane for shards is open" not in after:
        found.append("no lane was opened in place of one that died")
    return found


def growth(folder: pathlib.Path) -> list[str]:
    """Programs whose memory has grown after the first quarter."""
    sizes: dict[str, list[int]] = {}
    for line in (folder / "memory.txt").read_text().splitlines():
        name, size = line.split()
        if name.startswith("sleap-"):
            sizes.setdefault(name, []).append(int(size))
    found = []
    for name, kilobytes in sizes.items():
        quarter = max(1, len(kilobytes) // 4)
        # Of each quarter the most.
        quarters = [max(kilobytes[at : at + quarter], default=0) / 1000 for at in range(0, 4 * quarter, quarter)]
        print(f"{name}: {', '.join(f'{size:.1f}' for size in quarters)} MB in the four quarters")
        if quarters[3] > MOST_GROWTH * quarters[0]:
            found.append(f"the memory of {name} has grown")
    if len(sizes) != 2:
        found.append(f"memory is known of {sorted(sizes)} only")
    return found


def missing(folder: pathlib.Path, count: int) -> list[str]:
    """What is not as it has to be where every frame counts."""
    found = []
    frames = [pose["frame_id"] for pose in lines(folder / "every.jsonl")]
    summary = next(event for event in lines(folder / "events.jsonl") if event["event"] == "summary")
    print({key: summary[key] for key in ("frames", "predictions", "lost_on_the_way", "parity_percent")})
    if absent := sorted(set(range(count)) - set(frames)):
        found.append(f"frames without poses: {absent}")
    elif frames != list(range(count)):
        found.append("poses are twice or out of order")
    if not summary["shard_bytes"]:
        found.append("nothing went over coded lanes")
    log = (folder / "client.log").read_text()
    if "sending late shards" not in log:
        found.append("nothing was asked for: no frame was incomplete")
    if " ERROR " in log:
        found.append("an error was logged")
    return found


def main() -> int:
    match sys.argv[1:]:
        case ["--every", count, folder]:
            found = missing(pathlib.Path(folder), int(count))
        case ["--clean", folder]:
            found = problems(pathlib.Path(folder), is_clean=True)
        case ["--soak", folder]:
            found = problems(pathlib.Path(folder), is_repeated=True) + growth(pathlib.Path(folder))
        case [folder]:
            found = problems(pathlib.Path(folder))
        case _:
            sys.exit(__doc__)
    for problem in found:
        print(f"check.py: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
