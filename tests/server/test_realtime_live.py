"""A model's stream, forwarded by the example, is spoken by a real session."""

import asyncio
import base64
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("websockets", reason="the server extra is not installed here")

RATE, UTTERANCES = 24_000, 8
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "realtime.py"


def load_example():
    spec = importlib.util.spec_from_file_location("realtime", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Model:
    """A model's WebSocket that says some things and is interrupted by its user now and then."""

    def __init__(self):
        self.sent, self.ended = [], asyncio.Queue()

    async def send(self, message):
        self.sent.append(json.loads(message))

    async def __aiter__(self):
        samples = np.round(8000 * np.sin(np.arange(RATE // 2) / 9)).astype("<i2")
        for number in range(UTTERANCES):
            item = {"item_id": f"i{number}", "response_id": f"r{number}"}
            for part in np.array_split(samples, 5):
                delta = base64.b64encode(part.tobytes()).decode()
                yield json.dumps({"type": "response.output_audio.delta", "delta": delta, **item})
            yield json.dumps({"type": "response.output_audio.done", **item})
            if number % 4 == 3:
                yield json.dumps({"type": "input_audio_buffer.speech_started"})
            while (await self.ended.get()) != f"i{number}":
                pass


def ended(events):
    """The ends of utterances, each told once."""
    names = ("output_audio_buffer.stopped", "output_audio_buffer.cleared")
    return [event["item_id"] for event in events if event["type"] in names]


def test_every_utterance_starts_and_ends_once(server, ready_avatar):
    async def run():
        model, events = Model(), []

        def note(event):
            events.append(event)
            if event["type"] in ("output_audio_buffer.stopped", "output_audio_buffer.cleared"):
                model.ended.put_nowait(event["item_id"])

        url = server.url.replace("http", "ws")
        forward = load_example().forward(model, url, ready_avatar["id"], note)
        forwarding = asyncio.create_task(forward)
        while not forwarding.done() and len(ended(events)) < UTTERANCES:
            await asyncio.sleep(0.05)
        forwarding.cancel()
        await asyncio.gather(forwarding, return_exceptions=True)
        return events

    events = asyncio.run(asyncio.wait_for(run(), 120))
    started = [event["item_id"] for event in events if event["type"].endswith(".started")]
    stopped = {e["item_id"]: e["audio_end_ms"] for e in events if e["type"].endswith(".stopped")}
    cleared = {e["item_id"]: e["audio_end_ms"] for e in events if e["type"].endswith(".cleared")}
    assert len(started) == len(set(started))
    assert sorted(ended(events)) == [f"i{number}" for number in range(UTTERANCES)]
    assert set(cleared) <= {"i3", "i7"}
    assert all(length == pytest.approx(500, abs=1) for length in stopped.values())
    assert all(0 <= length < 500 for length in cleared.values())
