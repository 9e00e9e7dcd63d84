"""Says what sleap-io reads in files of labels, one JSON object a file.

`--as-csv SLP CSV` says whether a CSV file is what sleap-io itself writes for these labels.
"""

import argparse
import io
import json
import math

import h5py
import pandas
import sleap_io
from sleap_io import Labels, PredictedInstance, Video
from sleap_io.codecs import to_dataframe


def finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def instance(one: PredictedInstance) -> dict:
    points = {}
    for node, point in zip(one.skeleton.nodes, one.points):
        x, y = (finite(value) for value in point["xy"])
        points[node.name] = {"x": x, "y": y, "visible": bool(point["visible"]), "score": finite(point["score"])}
    return {
        "points": points,
        "score": finite(one.score),
        "track": one.track.name if one.track else None,
        "track_score": None if one.tracking_score is None else finite(one.tracking_score),
    }


def video(one: Video) -> dict:
    return {
        "filename": str(one.filename),
        "shape": list(one.shape) if one.shape else None,
        "fps": one.fps,
        "opens": one.backend is not None,
    }


def describe(labels: Labels) -> dict:
    frames = []
    for frame in labels.labeled_frames:
        frames.append(
            {
                "frame_idx": int(frame.frame_idx),
                "video": labels.videos.index(frame.video),
                "instances": [instance(one) for one in frame.instances],
            }
        )
    skeleton = labels.skeletons[0] if labels.skeletons else None
    return {
        "nodes": skeleton.node_names if skeleton else [],
        "edges": [list(edge) for edge in skeleton.edge_inds] if skeleton else [],
        "tracks": [track.name for track in labels.tracks],
        "videos": [video(one) for one in labels.videos],
        "provenance": {name: str(value) for name, value in labels.provenance.items()},
        "frames": frames,
    }


def frame_times(path: str) -> list[dict]:
    with h5py.File(path) as file:
        rows = file["frame_times"][:]
    return [{name: int(row[name]) for name in rows.dtype.names} for row in rows]


def labelled_fps(path: str) -> float | None:
    """What the labels themselves say of the first video."""
    with h5py.File(path) as file:
        return json.loads(file["videos_json"][0])["backend"].get("fps")


def as_csv(slp: str, csv: str) -> None:
    labels = sleap_io.load_slp(slp)
    own = io.StringIO()
    to_dataframe(labels, format="instances", include_video=True).to_csv(own, index=False)
    own.seek(0)
    expected, found = (pandas.read_csv(text, float_precision="round_trip") for text in (own, csv))
    # Fails unless columns, their order, types and values are the same.
    pandas.testing.assert_frame_equal(found, expected, check_exact=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--as-csv", action="store_true")
    args = parser.parse_args()
    if args.as_csv:
        as_csv(*args.files)
        print(json.dumps({"event": "equal"}), flush=True)
        return
    for path in args.files:
        said = {"event": "labels", **describe(sleap_io.load_file(path))}
        if path.endswith(".slp"):
            said["frame_times"] = frame_times(path)
            said["labelled_fps"] = labelled_fps(path)
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
