from __future__ import annotations

import numpy as np
import pytest

from masktalk.errors import InputError
from masktalk.evaluate.mouth_synchrony import (
    PredictedMouth,
    RecordedMouth,
    correlation,
    evaluate_mouths,
    matches,
    runs,
    score,
)

TIME = np.arange(200) / 25
APERTURE = np.clip(0.1 + 0.1 * np.sin(2 * np.pi * 1.3 * TIME), 0.02, None)
TRUE = RecordedMouth("a", TIME, APERTURE, 0.5 + 0.1 * APERTURE, np.ones(200, np.bool_))


def test_a_late_copy_is_perfect_and_its_lag_found() -> None:
    result = score([(TRUE, PredictedMouth(TIME - 0.08, 3 * APERTURE, APERTURE))])
    assert result.lag == pytest.approx(0.08)
    assert result.median("aperture") == pytest.approx(1, abs=1e-6)
    assert result.median("width") == pytest.approx(1, abs=1e-6)
    assert result.f1 == 1


def test_closures_that_are_not_predicted_are_missed() -> None:
    said = PredictedMouth(TIME, -APERTURE, APERTURE, np.zeros(200))
    result = score([(TRUE, said)])
    assert result.clips[0].true_closures > 5
    assert result.recall == result.f1 == 0


def test_runs_and_matches() -> None:
    assert runs(np.array([1, 0, 1, 1, 0], np.bool_)) == [(0, 0), (2, 3)]
    assert matches([(0, 2), (10, 12)], [(3, 3), (4, 4), (30, 31)], TIME) == 1


def test_a_flat_curve_has_no_correlation() -> None:
    assert np.isnan(correlation(np.zeros(20), np.arange(20.0)))


def test_an_empty_folder(tmp_path: object) -> None:
    with pytest.raises(InputError, match="no talking videos"):
        evaluate_mouths(str(tmp_path))
