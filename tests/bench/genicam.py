"""A line of genicam.sh: the age of poses without what decoding, encoding and the model take. Usage: genicam.py POSES LABEL"""

import json
import sys
from pathlib import Path

# What the parts of a pose's age are called, and those that are not counted: they are the same on any way.
MODEL = ("encode", "decode", "inference")


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


poses = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
parts = [{name.removesuffix("_us"): us / 1000 for name, us in pose["latency"].items()} for pose in poses]
ages = [pose["latency_us"] / 1000 - sum(part[name] for name in MODEL) for pose, part in zip(poses, parts, strict=True)]
# The first second is the start.
ages, parts = ages[30:], parts[30:]
medians = {name: percentile([part[name] for part in parts], 0.5) for name in parts[0] if name not in MODEL}
besides = " / ".join(f"{percentile(ages, share):.1f}" for share in (0.5, 0.95, 0.99))
print(
    f"| {sys.argv[2]} | {len(poses)} | {besides} | {', '.join(f'{n} {ms:.1f}' for n, ms in medians.items())} |",
    flush=True,
)
