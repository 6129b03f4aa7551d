"""Text that is known before it is spoken, from Python."""

import numpy as np
import pytest

from masktalk.errors import OptionError
from masktalk.rendering import RenderOptions, known_text_articulator
from masktalk.speech import articulate
from masktalk.types import Articulation
from tests.speech.sounds import babble


def test_text_sharpens_what_is_heard():
    audio = babble(1.5)
    known = known_text_articulator(audio, RenderOptions(text="mama"))
    assert known is not None
    told = Articulation.concat([known.push(audio), known.flush()])
    heard = articulate(audio)
    assert len(told) == len(heard)
    assert np.abs(told.values - heard.values).max() > 0.01
    assert known_text_articulator(audio, RenderOptions()) is None


def test_text_is_refused_where_it_cannot_apply():
    with pytest.raises(OptionError, match="`text`: needs recorded speech"):
        known_text_articulator(iter(()), RenderOptions(text="mama"))
