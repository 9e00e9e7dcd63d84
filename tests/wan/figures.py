"""Figures of streams, as the tables here show them."""

import math


def percentiles(ages):
    """The 50th, 95th and 99th percentile of ages in milliseconds, as texts."""
    ages = sorted(ages)
    return [f"{ages[max(0, math.ceil(len(ages) * share) - 1)]:.0f}" if ages else "–" for share in (0.5, 0.95, 0.99)]
