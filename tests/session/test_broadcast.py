"""Streams out, received over the loopback by FFmpeg's own servers."""

import asyncio
import io
import json
import socket
import subprocess
import sys

import numpy as np
import pytest
from session_fakes import GaugeEngine, LoudnessArticulator, PlainAvatar

from masktalk.broadcast import broadcast, pcm_blocks
from masktalk.errors import MissingExtraError, OptionError, OutputError
from masktalk.session import Session, SessionOptions

RATE = 16_000


def make_session():
    options = SessionOptions(audio_rate=48_000, delay=0.02, idle=False)
    return Session(PlainAvatar(), GaugeEngine(), options, LoudnessArticulator())


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


#: Decodes a stream to its end, in a process of its own: FFmpeg connects with the GIL held.
RECEIVER = """
import json, sys
import av, numpy as np
mouths, samples, loudest, shape = [], 0, 0.0, None
try:
    with av.open(sys.argv[1], options=json.loads(sys.argv[2]), timeout=30) as container:
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                pixels = frame.to_ndarray(format="rgb24")
                shape = pixels.shape
                mouths.append(int(pixels[0, 0].max()))
            else:
                samples += frame.samples
                loudest = max(loudest, float(np.abs(frame.to_ndarray()).max()))
except av.FFmpegError:
    pass  # how a UDP stream ends
print(json.dumps({"mouths": mouths, "samples": samples, "loudest": loudest, "shape": shape}))
"""


def speech(seconds):
    samples = np.full(int(seconds * RATE), 9000, "<i2")
    return pcm_blocks(io.BytesIO(samples.tobytes()), RATE)


@pytest.mark.parametrize("scheme", ["rtmp", "udp"])
def test_frames_and_sound_arrive(scheme):
    if scheme == "rtmp":
        address = heard_at = f"rtmp://127.0.0.1:{free_port(socket.SOCK_STREAM)}/live/face"
        options = '{"listen": "1"}'
    else:
        address = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}?pkt_size=1316"
        heard_at, options = address.replace("pkt_size=1316", "timeout=3000000"), "{}"
    receiver = subprocess.Popen(
        [sys.executable, "-c", RECEIVER, heard_at, options], stdout=subprocess.PIPE
    )

    async def send():
        await asyncio.sleep(1)
        for _ in range(100):  # the receiver may not listen yet
            try:
                return await broadcast(make_session(), address, speech(2.0))
            except OutputError:
                await asyncio.sleep(0.2)
        return pytest.fail("nobody listened")

    try:
        sent = asyncio.run(asyncio.wait_for(send(), 90))
        received = json.loads(receiver.communicate(timeout=60)[0])
    finally:
        receiver.kill()
    assert sent > 30
    assert len(received["mouths"]) > 0.8 * sent
    assert received["shape"] == [48, 64, 3]
    assert min(received["mouths"]) < 30  # of the fake engine
    assert max(received["mouths"]) > 60
    assert received["samples"] > 48_000
    assert received["loudest"] > 0.2


def test_addresses_that_are_none_and_receivers_that_are_away_are_one_line():
    with pytest.raises(OptionError, match="is no known address"):
        asyncio.run(broadcast(make_session(), "gopher://host", speech(0.1)))
    port = free_port(socket.SOCK_STREAM)
    with pytest.raises(OutputError, match="cannot be sent to"):
        asyncio.run(broadcast(make_session(), f"rtmp://127.0.0.1:{port}/live/x", speech(0.1)))
    with pytest.raises((MissingExtraError, OutputError), match="camera"):
        asyncio.run(broadcast(make_session(), "camera:/dev/video-of-nobody", speech(0.1)))


def test_pcm_of_any_chunking_is_whole():
    samples = np.arange(-5000, 5000, dtype="<i2")

    class Dribble(io.RawIOBase):
        left = samples.tobytes()

        def read(self, size=-1):
            taken, self.left = self.left[:777], self.left[777:]
            return taken

    read = np.concatenate([block.samples for block in pcm_blocks(Dribble(), RATE)])
    assert np.array_equal(np.rint(read * 32768), samples)
