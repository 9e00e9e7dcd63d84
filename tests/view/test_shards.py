"""The page's code for shards: the vectors of the wire protocol, and what both sides make of losses, in the browser."""

import json
from pathlib import Path

from conftest import REPO

VECTORS = json.loads((REPO / "crates/protocol/tests/vectors/shards.json").read_text())
SCRIPT = Path(__file__).with_name("shards.js").read_text().split("\n", 1)[1].strip()


def test_shards_are_those_of_the_vectors_and_losses_are_made_good(worker, open_page):
    assert len(VECTORS) >= 8
    page = open_page(worker.link).state("connected")
    assert page.page.evaluate(SCRIPT, VECTORS) == []
