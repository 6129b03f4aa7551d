"""A face and an engine small enough to see through, for every test of the session."""

import pytest
from session_fakes import GaugeEngine, LoudnessArticulator, PlainAvatar


@pytest.fixture
def articulator():
    return LoudnessArticulator()


@pytest.fixture
def engine():
    return GaugeEngine()


@pytest.fixture
def avatar():
    return PlainAvatar()
