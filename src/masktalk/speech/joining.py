"""Stretches of articulation put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from masktalk.types import Articulation


def join(parts: Sequence[Articulation]) -> Articulation:
    """Consecutive stretches as one; at least one."""
    values = np.concatenate([part.values for part in parts])
    voice = np.concatenate([part.voice for part in parts])
    return Articulation(values, parts[0].rate, parts[0].time, voice)
