"""Forward a model's Realtime events to an avatar, and its playback back to the model.

``model`` is any WebSocket that speaks the OpenAI Realtime protocol. Watch the avatar on the
page, or over WebRTC or a WebSocket at /api/live.
"""

import asyncio
import json

from websockets.asyncio.client import connect

#: Events of the model that the avatar needs; the others could be sent as well.
FORWARDED = ("response.output_audio.", "response.audio.", "input_audio_buffer.speech_started")


async def forward(model, server, avatar, on_playback=print):
    """Let an avatar say what a model says, until the model's stream ends."""
    async with connect(f"{server}/v1/realtime?avatar={avatar}", max_size=None) as speaker:
        listening = asyncio.create_task(report(speaker, model, on_playback))
        async for message in model:
            if json.loads(message)["type"].startswith(FORWARDED):
                await speaker.send(message)
        await listening


async def report(speaker, model, on_playback):
    """Tell the model how much of an interrupted answer was heard."""
    async for message in speaker:
        event = json.loads(message)
        on_playback(event)
        if event["type"] == "conversation.item.truncated":
            await model.send(json.dumps({**event, "type": "conversation.item.truncate"}))
