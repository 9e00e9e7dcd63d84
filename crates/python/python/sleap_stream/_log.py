"""The log, which goes to Python's logger `sleap_stream`."""

import logging

from ._native import forward_logs


def forward() -> None:
    """Hands the log to the logger, from the first call on. What it is set to then decides how much."""
    level = logging.getLogger("sleap_stream").getEffectiveLevel()
    forward_logs(1 if level <= logging.DEBUG else 0)
