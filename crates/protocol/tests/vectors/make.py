#!/usr/bin/env python3
"""Writes the golden vectors: messages in the forms that the Python peers give them.

    python3 make.py        writes messages.jsonl and session.jsonl beside this file

Standard library only. Text messages come from f-strings and JSON messages from json.dumps, as in
the Python peers, so that the vectors do not depend on the code that they test.

messages.jsonl: one message a line.
    name   what it shows
    kind   the message that it is
    text   a text message, to be written back byte for byte; or
    json   a text message that is JSON, to be written back as the same value; or
    hex    a binary message
    reads  (instead of being written back) the value that an oddly written message stands for

session.jsonl: the messages of one client in order. "chunk" stands for the bytes offset to
offset + length of a frame whose byte i is (7 * i + frame) % 251.
"""

import json
import math
from pathlib import Path

HERE = Path(__file__).parent
CHUNK = 64 * 1024
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def frame_meta(frame_id, height, width, channels, dtype, nbytes):
    return f"FRAME_META::{frame_id}:{height}:{width}:{channels}:{dtype}:{nbytes}"


def stream_start(**changes):
    message = {
        "type": "STREAM_START",
        "source_name": "mice.mp4",
        "is_webcam": False,
        "total_frames": 1410,
        "frames_to_send": 141,
        "sample_rate": 10,
        "batch_size": 1,
        "fps": 29.97002997002997,
        "width": 640,
        "height": 480,
        "original_width": 1920,
        "original_height": 1080,
        "jpeg_quality": 80,
    }
    return message | changes


def messages():
    def text(name, kind, value):
        yield {"name": name, "kind": kind, "text": value}

    def as_json(name, kind, value):
        yield {"name": name, "kind": kind, "json": json.dumps(value)}

    def odd(name, kind, value, reads):
        yield {"name": name, "kind": kind, "json": json.dumps(value), "reads": reads}

    yield from as_json("file", "STREAM_START", stream_start())
    camera = {"source_name": "webcam:0", "is_webcam": True, "total_frames": -1, "frames_to_send": -1}
    yield from as_json("camera", "STREAM_START", stream_start(**camera, fps=30.0, sample_rate=1))
    yield from as_json("raw frames", "STREAM_START", stream_start(jpeg_quality=0, batch_size=8))
    yield from as_json("rate unknown", "STREAM_START", stream_start(fps=None))
    yield from as_json("name with quotes and umlauts", "STREAM_START", stream_start(source_name='mäuse "2".mp4'))
    twelve_bits = stream_start(jpeg_quality=0, significant_bits=12)
    yield from as_json("12 of 16 bits", "STREAM_START", twelve_bits)
    yield from as_json("tracks of an earlier connection", "STREAM_START", stream_start(next_track=7))
    yield from as_json("plays as a camera does", "STREAM_START", stream_start(live=True))
    yield from as_json("asks for answers", "STREAM_START", stream_start(answers=True))
    yield from odd(
        "floats for integers",
        "STREAM_START",
        stream_start(width=640.0, height=480.0, fps=30, total_frames=-1.0),
        stream_start(total_frames=-1, fps=30.0),
    )
    yield from odd("rate infinite", "STREAM_START", stream_start(fps=math.inf), stream_start(fps=None))
    yield from odd("rate not given by the driver", "STREAM_START", stream_start(fps=-1.0), stream_start(fps=None))
    yield from odd("unknown key", "STREAM_START", stream_start(colour={"a": [1]}), stream_start())

    for mode in ("stats_only", "display", "save_every_30"):
        ack = {"type": "STREAM_ACK", "status": "ready", "verification_mode": mode}
        yield from as_json(mode, "STREAM_ACK", ack)
    full = {
        "type": "STREAM_ACK",
        "status": "ready",
        "verification_mode": "stats_only",
        "answers": True,
        "worker_version": "0.1.0",
        "model": {
            "name": "mouse",
            "kind": "bottomup",
            "height": 192,
            "width": 256,
            "channels": 1,
            "device": "cpu",
        },
        "skeleton": {"name": "mouse", "nodes": ["nose", "body", "tail"], "edges": [[0, 1], [1, 2]]},
    }
    yield from as_json("with a model", "STREAM_ACK", full)
    yield from as_json("with a tracker", "STREAM_ACK", full | {"tracker": "animals"})
    busy = {
        "type": "STREAM_ACK",
        "status": "busy",
        "verification_mode": "stats_only",
        "message": "one stream at a time",
    }
    yield from as_json("busy", "STREAM_ACK", busy)
    queued = {key: value for key, value in busy.items() if key != "message"}
    yield from as_json("busy with a queue", "STREAM_ACK", queued | {"queue_position": 2, "message": "another stream"})

    end = {
        "type": "STREAM_END",
        "total_sent": 141,
        "elapsed_seconds": round(4.70349, 2),
        "average_fps": round(29.977, 2),
    }
    yield from as_json("end", "STREAM_END", end)
    yield from as_json("end at once", "STREAM_END", end | {"total_sent": 0, "elapsed_seconds": 0.0, "average_fps": 0})
    complete = {
        "type": "STREAM_COMPLETE",
        "frames_received": 141,
        "frames_saved": 4,
        "elapsed_seconds": 4.71,
        "average_fps": 29.94,
    }
    yield from as_json("complete", "STREAM_COMPLETE", complete)
    yield from as_json("complete with counts", "STREAM_COMPLETE", complete | {"frames_dropped": 2, "predictions": 139})

    prediction = {
        "type": "PREDICTION",
        "frame_id": 42,
        "instances": [[[10.5, 20.25], None], [[100.0, 0.0], [7.125, 8.5]]],
        "confidence": [[0.5, None], [0.75, 1.0]],
    }
    yield from as_json("two instances", "PREDICTION", prediction)
    yield from as_json("nothing found", "PREDICTION", prediction | {"instances": [], "confidence": []})
    extended = prediction | {
        "instance_scores": [0.5, 1.75],
        "tracks": ["left", None],
        "track_scores": [0.875, None],
        "timing": {
            "receive_us": 900,
            "decode_us": 1500,
            "queue_us": 0,
            "preprocess_us": 300,
            "inference_us": 19000,
            "postprocess_us": 120,
            "total_us": 21820,
        },
    }
    yield from as_json("scores, tracks and timing", "PREDICTION", extended)
    yield from odd(
        "not-a-number coordinates",
        "PREDICTION",
        prediction | {"instances": [[[math.nan, math.nan], [-math.inf, 2.0]]], "confidence": [[math.nan, 0.5]]},
        prediction | {"instances": [[None, None]], "confidence": [[None, 0.5]]},
    )
    yield from as_json(
        "received", "FRAME_RECEIVED", {"type": "FRAME_RECEIVED", "frame_id": 7, "timing": {"receive_us": 900}}
    )
    yield from as_json("received, not timed", "FRAME_RECEIVED", {"type": "FRAME_RECEIVED", "frame_id": 7})
    error = {"type": "ERROR", "frame_id": 42, "message": "JPEG: premature end"}
    yield from as_json("frame failed", "ERROR", error)
    yield from as_json("some frame failed", "ERROR", error | {"frame_id": None})
    yield from as_json("queues full", "BACKPRESSURE", {"type": "BACKPRESSURE", "waiting": 9})
    yield from as_json("worker ends", "DRAIN", {"type": "DRAIN"})
    yield from odd(
        "text under another key", "ERROR", {"type": "ERROR", "frame_id": 42, "error": "JPEG: premature end"}, error
    )

    yield from as_json("pictures", "VIEW", {"type": "VIEW", "width": 640, "fps": 12.5, "quality": 70})
    yield from odd("all as usual", "VIEW", {"type": "VIEW"}, {"type": "VIEW", "width": 640, "fps": 10.0, "quality": 70})
    yield from as_json("all streams", "VIEW", {"type": "VIEW", "width": 320, "fps": 4.0, "quality": 60, "grid": True})
    one = {"type": "VIEW", "width": 640, "fps": 10.0, "quality": 70, "stream": "cage-1"}
    yield from as_json("one of several streams", "VIEW", one)
    yield from as_json("whose picture follows", "PICTURE", {"type": "PICTURE", "stream": "cage-1"})
    status = {"type": "STATUS", "worker_version": "0.1.0", "clients": 1, "viewers": 2}
    yield from as_json("no stream", "STATUS", status)
    stream = {
        "source_name": "webcam:0",
        "is_webcam": True,
        "width": 640,
        "height": 480,
        "source_width": 1280,
        "source_height": 960,
        "frames": 1409,
        "frames_dropped": 1,
        "fps": 29.5,
        "total_us": {"p50": 14200, "p95": 21900},
        "inference_us": {"p50": 9800, "p95": 12100},
    }
    yield from as_json(
        "a stream",
        "STATUS",
        status
        | {
            "model": {
                "name": "mouse",
                "kind": "single_instance",
                "height": 192,
                "width": 256,
                "channels": 1,
                "device": "cpu",
            },
            "skeleton": {"name": "mouse", "nodes": ["nose", "tail"], "edges": [[0, 1]]},
            "stream": stream,
        },
    )
    live = stream | {"frames_not_sent": 12}
    yield from as_json("frames not sent", "STATUS", status | {"max_viewers": 4, "stream": live})
    yield from as_json("a stream that ended", "STATUS", status | {"max_viewers": 4, "last_stream": live})
    named = live | {"track_names": {"track_0": "mouse A", "track_3": "Mäuschen"}}
    yield from as_json("tracks with names", "STATUS", status | {"tracker": "animals", "stream": named})
    listed = {
        "name": "cage-1",
        "source_name": "cage 1",
        "shown": True,
        "is_webcam": True,
        "frames": 1409,
        "frames_dropped": 1,
        "fps": 29.5,
        "latency_us": 14200,
    }
    other = listed | {"name": "cage-2", "shown": False}
    yield from as_json("several streams", "STATUS", status | {"stream": live, "streams": [listed, other]})
    names = {"type": "TRACK_NAMES", "names": {"track_0": "mouse A", "track_3": "Mäuschen", "track_4": ""}}
    yield from as_json("names of tracks", "TRACK_NAMES", names)
    yield from odd("no names", "TRACK_NAMES", {"type": "TRACK_NAMES"}, {"type": "TRACK_NAMES", "names": {}})
    triangle = {"name": "corner", "polygon": [[0.0, 0.0], [200.5, 0.0], [0.0, 150.0]]}
    nest = {"name": "nest", "circle": [320.0, 240.0, 60.0]}
    yield from as_json("zones", "ZONES", {"type": "ZONES", "at": "client", "zones": [triangle, nest]})
    yield from as_json("no zones", "ZONES", {"type": "ZONES", "at": "worker", "zones": []})
    yield from odd(
        "zones in whole numbers",
        "ZONES",
        {"type": "ZONES", "zones": [{"name": "a", "circle": [1, 2, 3], "color": "red"}]},
        {"type": "ZONES", "at": "client", "zones": [{"name": "a", "circle": [1.0, 2.0, 3.0]}]},
    )
    editable = {"type": "ZONES", "at": "worker", "editable": True, "zones": [nest]}
    yield from as_json("zones that can be changed", "ZONES", editable)
    edit = {"type": "ZONE_EDIT", "at": "client", "id": 4_294_967_295, "name": "nest", "circle": [320.5, 240.0, 60.0]}
    yield from as_json("a zone that was drawn", "ZONE_EDIT", edit)
    yield from as_json("a zone that is saved", "ZONE_RESULT", {"type": "ZONE_RESULT", "id": 17})
    refused = {"type": "ZONE_RESULT", "id": 17, "refused": "the sides of the zone cross each other"}
    yield from as_json("a zone that is not saved", "ZONE_RESULT", refused)
    entered = {
        "rule": "light",
        "edge": "enter",
        "cause": "condition",
        "animal": "mouse A",
        "frame_id": 1409,
        "captured_us": 1_760_000_000_123_456,
    }
    left = {key: value for key, value in entered.items() if key != "animal"} | {"edge": "leave", "cause": "silence"}
    rules = {"type": "RULES", "at": "worker", "active": [0, 3], "events": [entered, left]}
    yield from as_json("rules", "RULES", rules)
    nothing = {"type": "RULES", "at": "client", "active": [], "events": []}
    yield from odd("no rules", "RULES", {"type": "RULES"}, nothing)
    older = {key: value for key, value in stream.items() if not key.startswith("source_w") and key != "source_height"}
    unknown = stream | {"source_width": 0, "source_height": 0}
    yield from odd("an older worker's stream", "STATUS", status | {"stream": older}, status | {"stream": unknown})

    yield from text("raw", "FRAME_META", frame_meta(0, 1080, 1920, 3, "uint8", 1080 * 1920 * 3))
    yield from text("gray", "FRAME_META", frame_meta(7, 480, 640, 1, "uint8", 480 * 640))
    yield from text("16 bit", "FRAME_META", frame_meta(7, 480, 640, 1, "uint16", 2 * 480 * 640))
    yield from text("four channels", "FRAME_META", frame_meta(7, 2, 3, 4, "uint8", 24))
    yield from text("jpeg", "FRAME_META", frame_meta(1409, 480, 640, 3, "jpeg", 48213))
    captured = frame_meta(1409, 480, 640, 3, "jpeg", 48213) + f":{1_760_000_000_123_456}"
    yield from text("captured", "FRAME_META", captured)
    yield from text("captured by the driver's clock", "FRAME_META", captured + ":driver")
    yield from text("largest number", "FRAME_META", frame_meta(2**64 - 1, 1, 1, 1, "jpeg", 1))
    yield from text("end", "FRAME_END", f"FRAME_END::{1409}")
    yield from text("batch", "BATCH_START", f"BATCH_START::{8}")
    yield from text("batch", "BATCH_END", f"BATCH_END::{8}")

    yield {"name": "keep-alive", "kind": "KEEP_ALIVE", "hex": b"KEEP_ALIVE".hex()}
    yield {"name": "chunk", "kind": "chunk", "hex": bytes(range(256)).hex()}
    yield {"name": "almost a keep-alive", "kind": "chunk", "hex": b"KEEP_ALIVE\n".hex()}
    yield {"name": "empty chunk", "kind": "chunk", "hex": ""}

    yield from text("nonce", "AUTH_CHALLENGE", "AUTH_CHALLENGE::0hVEHBsHC7Cd2HTT8mFvGIkYf7cMFVvbrmdpxBdVzDM")
    yield from text("answer", "AUTH_RESPONSE", "AUTH_RESPONSE::nN6oz-4cEdJ8FbcIqD8OG8Wq5M1yX2fGm8pUvKeH_2A")
    yield from text("let in", "AUTH_SUCCESS", "AUTH_SUCCESS")
    bound = "KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio", "kDqXBlpBQv3g7XKvVOL1sg1bxOm-_uG0oXQW0y2bZ2E"
    yield from text("bound answer", "AUTH_PROOF", f"AUTH_PROOF::{bound[0]}:{bound[1]}")
    yield from text("let in, with the worker's proof", "AUTH_SUCCESS", f"AUTH_SUCCESS::{bound[1]}")
    for reason in ("invalid", "timeout", "missing"):
        yield from text(reason, "AUTH_FAILURE", f"AUTH_FAILURE::{reason}")

    for package in ("track", "train", "else"):
        yield from text(package, "PACKAGE_TYPE", f"PACKAGE_TYPE::{package}")
    name, size, directory = "labels.v003.slp", 5_368_709_120, "C:\\out\\a"
    yield from text("flag", "FILE_META", f"FILE_META::{name}:{size}:{False}")
    yield from text("directory with a colon", "FILE_META", f"FILE_META::{name}:{size}:{directory}")
    yield from text("no hint", "FILE_META", f"FILE_META::{name}:{size}")
    yield from text("empty hint", "FILE_META", f"FILE_META::{name}:0:")
    yield from text("end", "END_OF_FILE", "END_OF_FILE")
    yield from text("check", "FILE_UPLOAD_CHECK", f"FILE_UPLOAD_CHECK::{SHA}::{name}")
    yield from text("hit", "FILE_UPLOAD_CACHE_HIT", "FILE_UPLOAD_CACHE_HIT::/mnt/data/labels.v003.slp")
    yield from text("ready", "FILE_UPLOAD_READY", "FILE_UPLOAD_READY")
    yield from text("check to resume", "FILE_UPLOAD_CHECK", f"FILE_UPLOAD_CHECK::{SHA}::{name}::{size}::c0ffee42")
    yield from text("ready from there", "FILE_UPLOAD_READY", f"FILE_UPLOAD_READY::{CHUNK}")
    for flag in (0, 1):
        yield from text(f"start {flag}", "FILE_UPLOAD_START", f"FILE_UPLOAD_START::{name}::{size}::/mnt/a::b::{flag}")
    yield from text("end", "FILE_UPLOAD_END", "FILE_UPLOAD_END")
    yield from text("progress", "FILE_UPLOAD_PROGRESS", f"FILE_UPLOAD_PROGRESS::{CHUNK}::{size}")
    yield from text("complete", "FILE_UPLOAD_COMPLETE", f"FILE_UPLOAD_COMPLETE::/mnt/a/{name}")
    yield from text("error", "FILE_UPLOAD_ERROR", "FILE_UPLOAD_ERROR::Destination outside configured mounts")
    yield from text("ready", "READY", "READY")
    yield from text("error", "ERROR", "ERROR::Model loading failed: a::b")
    yield from text("job", "INFERENCE_JOB", "INFERENCE_JOB_1_STARTED::x")
    yield from text("jobs done", "INFERENCE_JOBS_DONE", "INFERENCE_JOBS_DONE")
    yield from text("log", "TRACK_LOG", "TRACK_LOG:Predicting... 100% ETA: 0:00:00")

    yield from text("unknown word", "unknown", "FS_GET_MOUNTS::a:b")
    yield from text("no word", "unknown", "hello")
    yield from text("empty", "unknown", "")
    yield from text("unknown JSON type", "unknown", json.dumps({"type": "PAUSE", "until": 3}))
    yield from text("JSON without a type", "unknown", json.dumps({"until": 3}))


def send_frame(frame_id, height, width, channels, dtype, nbytes):
    yield {"text": frame_meta(frame_id, height, width, channels, dtype, nbytes)}
    offset = 0
    while offset < nbytes:
        length = min(CHUNK, nbytes - offset)
        yield {"chunk": {"frame": frame_id, "offset": offset, "length": length}}
        offset += length
    yield {"text": f"FRAME_END::{frame_id}"}


def session():
    yield {"text": json.dumps(stream_start(batch_size=2, frames_to_send=5, jpeg_quality=0))}
    # A frame that fits one chunk, one that fills it exactly, and some that need a second one.
    heights = {0: 100, 10: 256, 20: 300, 30: 300, 40: 300}
    for batch in ([0, 10], [20, 30], [40]):
        yield {"text": f"BATCH_START::{len(batch)}"}
        for frame_id in batch:
            height = heights[frame_id]
            yield from send_frame(frame_id, height, 256, 1, "uint8", height * 256)
        yield {"text": f"BATCH_END::{len(batch)}"}
    yield from send_frame(50, 480, 640, 3, "jpeg", 131072)
    yield from send_frame(60, 480, 640, 3, "uint8", 480 * 640 * 3)
    yield {"text": json.dumps({"type": "STREAM_END", "total_sent": 7, "elapsed_seconds": 0.25, "average_fps": 28.0})}


def write(name, rows):
    with open(HERE / name, "w", encoding="ascii", newline="\n") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    write("messages.jsonl", messages())
    write("session.jsonl", session())
