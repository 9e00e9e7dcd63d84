"""OpenCV's optical flow beside this project's: the same points, found or not, on synthetic and real pictures."""

import itertools
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

REPO = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SLEAP_STREAM_SHARED", REPO.parent / "shared"))
FLOW = Path(os.environ.get("SLEAP_STREAM_BIN", REPO / "target" / "debug")) / "examples" / "flow"

# Pixels that a point may be off.
TOLERANCE = 0.01


def opencv(first, second, points, scale, window, levels):
    """As sleap-nn calls it."""
    if scale != 1:
        first, second = (cv2.resize(image, None, None, scale, scale) for image in (first, second))
    shifted, status, errors = cv2.calcOpticalFlowPyrLK(
        first,
        second,
        points * scale,
        None,
        winSize=(window, window),
        maxLevel=levels,
        criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01),
    )
    return shifted / scale, status.ravel().astype(bool), errors.ravel()


def ours(first, second, points, scale, window, levels, folder):
    pictures = folder / "pictures.raw"
    pictures.write_bytes(first.tobytes() + second.tobytes())
    pair = folder / "pair.json"
    values = [[None if np.isnan(value) else float(value) for value in point] for point in points]
    height, width = first.shape[:2]
    pair.write_text(
        json.dumps(
            {
                "pictures": str(pictures),
                "width": width,
                "height": height,
                "channels": 1 if first.ndim == 2 else first.shape[2],
                "img_scale": scale,
                "window_size": window,
                "max_levels": levels,
                "points": values,
            }
        )
    )
    answer = json.loads(subprocess.run([FLOW, pair], stdout=subprocess.PIPE, check=True).stdout)
    return np.array(answer["points"], float), np.array(answer["found"]), np.array(answer["errors"])


def compare(first, second, points, folder, scale=1.0, window=21, levels=3):
    """How many points were found by both; they agree."""
    points = points.astype(np.float32)
    expected, status, errors = opencv(first, second, points, scale, window, levels)
    found, ours_status, ours_errors = ours(first, second, points, scale, window, levels, folder)
    different = np.flatnonzero(status != ours_status)
    assert not different.size, f"found or not: {points[different][:5]}"
    off = np.abs(found[status] - expected[status]).max(initial=0)
    assert off < TOLERANCE, f"{off} pixels"
    assert np.abs(ours_errors - errors)[status].max(initial=0) < TOLERANCE
    return int(status.sum())


def texture(rng, height, width, channels=1):
    image = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 2.5).reshape(height, width, channels)
    wide = image.astype(float)
    image = np.clip((wide - wide.mean()) * 4 + 127, 0, 255).astype(np.uint8)
    return image[:, :, 0] if channels == 1 else image


def moved(image, dx, dy, angle=0.0):
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    turn[:, 2] += dx, dy
    return cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REFLECT)


def grid(rng, image, count=300):
    """Points all over the picture, at its borders, outside, and missing ones."""
    height, width = image.shape[:2]
    points = rng.uniform((-30, -30), (width + 30, height + 30), (count, 2))
    points[::17] = np.nan
    return np.concatenate([points, [[0, 0], [width - 1, height - 1], [width - 0.25, 3], [1e9, 2]]])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(240, 320), (97, 131), (1080, 1920), (30, 41), (13, 9)])
def test_points_on_textures_are_opencvs(size, channels, tmp_path):
    rng = np.random.default_rng(7)
    first = texture(rng, *size, channels)
    found = 0
    for dx, dy, angle in [(0.4, -0.3, 0), (6.7, 3.2, 1.5), (-14, 9, -4)]:
        found += compare(first, moved(first, dx, dy, angle), grid(rng, first), tmp_path)
    assert found > 100 or min(size) < 20


@pytest.mark.parametrize(
    ("window", "levels", "scale"),
    [(3, 0, 1.0), (5, 5, 1.0), (8, 2, 1.0), (15, 3, 1.0), (41, 1, 1.0), (21, 3, 0.5), (21, 3, 0.7), (11, 2, 0.25)],
)
def test_options_mean_the_same(window, levels, scale, tmp_path):
    rng = np.random.default_rng(window)
    for channels in (1, 3):
        first = texture(rng, 201, 303, channels)
        second = moved(first, 2.5, -3.25, 1)
        assert compare(first, second, grid(rng, first), tmp_path, scale, window, levels) > 100


def test_pictures_without_structure_are_opencvs(tmp_path):
    rng = np.random.default_rng(5)
    flat = np.full((120, 160), 90, np.uint8)
    edge = flat.copy()
    edge[:, 80:] = 200
    noise = rng.integers(0, 256, flat.shape, dtype=np.uint8)
    extreme = (noise > 127).astype(np.uint8) * 255
    for first, second in [
        (flat, flat),
        (edge, moved(edge, 3, 0)),
        (noise, noise[::-1].copy()),
        (extreme, moved(extreme, 1, 1)),
    ]:
        compare(first, second, grid(rng, first), tmp_path)


def test_points_on_real_pictures_are_opencvs(tmp_path):
    folders = [folder for folder in (SHARED / "models" / "frames").glob("*") if folder.is_dir()]
    if not folders:
        pytest.skip("there are no real pictures beside the repository")
    rng = np.random.default_rng(3)
    found = 0
    for folder in folders:
        paths = sorted(folder.glob("*.png"))
        for before, after in list(itertools.pairwise(paths))[:12]:
            for flag in (cv2.IMREAD_GRAYSCALE, cv2.IMREAD_COLOR):
                first, second = (cv2.imread(str(path), flag) for path in (before, after))
                found += compare(first, second, grid(rng, first), tmp_path)
    assert found > 1000


def test_a_point_elsewhere_would_be_noticed(tmp_path):
    """The negative control: the second picture is another one for OpenCV."""
    rng = np.random.default_rng(1)
    first = texture(rng, 120, 160)
    points = grid(rng, first).astype(np.float32)
    expected, status, _ = opencv(first, moved(first, 2, 0), points, 1.0, 21, 3)
    found, ours_status, _ = ours(first, moved(first, 2.5, 0), points, 1.0, 21, 3, tmp_path)
    both = status & ours_status
    assert np.abs(found[both] - expected[both]).max() > TOLERANCE
