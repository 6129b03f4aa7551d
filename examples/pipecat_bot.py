"""A Pipecat bot with a face, between the speech synthesiser and the transport."""

from pipecat.pipeline.pipeline import Pipeline

from masktalk.pipecat import MasktalkVideoService
from masktalk.session import ProcessSession, SessionOptions, SessionSpec


def talking_pipeline(before, output, folder="face.avatar", session=None):
    """Return a pipeline.

    Args:
        before: Processors up to the speech synthesiser: [transport.input(), stt, llm, tts].
        output: The transport's output, with ``video_out_enabled`` and ``video_out_is_live``.
        folder: Avatar, from ``masktalk prepare``.
        session: Another session than one in a process of its own.
    """
    options = SessionOptions(audio_rate=24_000)
    session = session or ProcessSession(SessionSpec(folder, options=options))
    return Pipeline([*before, MasktalkVideoService(session), output])
