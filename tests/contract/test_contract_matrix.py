"""Every surface x every kind of avatar x every engine: each cell runs, or says why it cannot.

A new surface, kind or engine joins by a line in ``surfaces.SURFACES``, ``kinds.KINDS`` or
``masktalk.engines.base.ENGINES``.
"""

from fractions import Fraction
from importlib.util import find_spec

import numpy as np
import pytest

from masktalk.avatar import Avatar
from masktalk.engines import ENGINES, engine_class
from masktalk.errors import MissingExtraError
from masktalk.preparation import prepare
from masktalk.rendering import RenderOptions, frames, render
from masktalk.types import Audio
from tests.conftest import write_speech
from tests.contract.kinds import KINDS
from tests.contract.server import MatrixServer
from tests.contract.surfaces import (
    FPS,
    IDLING_SURFACES,
    LIVE_SURFACES,
    MIN_SHARE,
    SECONDS,
    SERVER_SURFACES,
    SURFACES,
    Cell,
    Reference,
)
from tests.engines.tiny import tiny_options

#: (surface, kind, engine), None for any -> the issue on whose repair the cell waits.
BROKEN: dict[tuple[str, str | None, str | None], str] = {}


@pytest.fixture(scope="module")
def sources(material, tmp_path_factory):
    made = {}

    def source(kind):
        if kind not in made:
            made[kind] = KINDS[kind](material, tmp_path_factory.mktemp(kind))
        return made[kind]

    return source


@pytest.fixture(scope="module")
def avatars(sources, tmp_path_factory):
    """Give the prepared folder of a kind, made once."""
    made = {}

    def folder(kind):
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp("prepared") / kind
            source = sources(kind)
            prepare(source.path, made[kind], source.options).close()
        return made[kind]

    return folder


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    made = {}

    def options_of(engine):
        if engine not in made:
            made[engine] = tiny_options(engine, tmp_path_factory)
            if engine_class(engine).capabilities.behaves:
                # Surfaces are told apart from silence by what speech changes.
                made[engine]["energy"] = 0.0
        return made[engine]

    return options_of


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    return write_speech(tmp_path_factory.mktemp("speech") / "speech.wav", float(SECONDS))


@pytest.fixture(scope="module")
def driver(avatars, speech, tmp_path_factory):
    """The photograph saying the speech, as a video."""
    with Avatar(avatars("photograph")) as avatar:
        return render(avatar, speech, tmp_path_factory.mktemp("driver") / "driver.mp4").path


@pytest.fixture(scope="module")
def references(avatars, options, speech):
    """Frames of a kind and an engine in silence and in speech, made once."""
    made = {}

    def reference(kind, engine):
        if (kind, engine) not in made:
            chosen = RenderOptions(engine, options(engine), fps=Fraction(FPS))
            silence = Audio(np.zeros(int(SECONDS * 16000), np.float32), 16000)
            with Avatar(avatars(kind)) as avatar:
                made[kind, engine] = Reference(
                    *(
                        [frame.pixels for frame in frames(avatar, said, chosen)]
                        for said in (silence, speech)
                    )
                )
        return made[kind, engine]

    return reference


@pytest.fixture(scope="module", autouse=True)
def loaded_processes():
    """Load torch once for all sessions in their own processes: alone it takes 15 s each."""
    from masktalk.session import process

    with pytest.MonkeyPatch.context() as patch:
        extra = [name for name in ("torch", "diffusers", "transformers") if find_spec(name)]
        engines = ["masktalk.engines.musetalk", "masktalk.engines.wav2lip"]
        patch.setattr(process, "_PRELOAD", [*process._PRELOAD, *extra, *engines])
        yield


@pytest.fixture(scope="module")
def server(sources, tmp_path_factory):
    running = MatrixServer(sources, tmp_path_factory.mktemp("server"))
    yield running
    running.stop()


def impossible(surface, kind, source, engine):
    """Return the reason why a cell cannot exist, or None."""
    capabilities = engine_class(engine).capabilities
    if surface == "driver" and not capabilities.articulated:
        return f"the engine {engine} does not use articulation, so nothing can drive it"
    if kind.startswith("masked") and not capabilities.covered:
        return f"the engine {engine} leaves an occluded mouth as it is"
    if surface in SERVER_SURFACES and source.no_server:
        return source.no_server
    if surface in LIVE_SURFACES and not capabilities.streams:
        return f"the engine {engine} hears all of the speech before its first frame"
    if surface in SERVER_SURFACES and engine != "warp":
        return "the server offers the embedded engine only"
    return None


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("surface", SURFACES)
def test_every_surface_speaks_with_every_avatar(
    request, surface, kind, engine, sources, avatars, options, speech, driver, references, tmp_path
):
    try:
        why = impossible(surface, kind, sources(kind), engine)
    except MissingExtraError as error:
        pytest.skip(str(error))
    if why is not None:
        pytest.skip(why)
    for (where, which, what), issue in BROKEN.items():
        if where == surface and which in (None, kind) and what in (None, engine):
            request.applymarker(pytest.mark.xfail(strict=True, reason=issue))
    server = request.getfixturevalue("server") if surface in SERVER_SURFACES else None
    reference = references(kind, engine)
    assert reference.pixels > 20, "speech changes nothing"
    cell = Cell(
        avatars(kind), kind, engine, options(engine), speech, driver, tmp_path, reference, server
    )
    shown = SURFACES[surface](cell)
    assert shown, "no frame was shown"
    height, width = reference.size
    # Encoders of 4:2:0 video add a row or column to an odd size, WebRTC drops it.
    assert all(abs(one.shape[0] - height) <= 1 >= abs(one.shape[1] - width) for one in shown)
    min_share = cell.min_share if surface in IDLING_SURFACES else MIN_SHARE
    assert cell.spoke(shown, min_share), "the mouth never moved"
