"""Faces made or shipped here: a drawn one, a drawn ninja, a portrait, and one Finder."""

from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from masktalk.demo.faces import draw_cartoon, draw_ninja
from masktalk.faces import Finder


@pytest.fixture(scope="session")
def portrait():
    with Image.open(files("masktalk.demo") / "material" / "portrait.jpg") as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.fixture(scope="session")
def cartoon():
    return draw_cartoon()


@pytest.fixture(scope="session")
def ninja():
    return draw_ninja()


@pytest.fixture(scope="session")
def finder():
    with Finder() as made:
        yield made
