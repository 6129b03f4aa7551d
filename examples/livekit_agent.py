"""A LiveKit agent with a face: masktalk prepare face.jpg -o face.avatar, then

python examples/livekit_agent.py dev
"""

from livekit.agents import Agent, AgentSession, JobContext, WorkerOptions, cli

from masktalk.livekit import MasktalkAvatar
from masktalk.session import ProcessSession, SessionOptions, SessionSpec


async def entrypoint(ctx: JobContext, folder="face.avatar", **services):
    """Join the room and greet; ``services`` are the session's stt, llm and tts."""
    await ctx.connect()
    agent = AgentSession(**services)
    face = ProcessSession(SessionSpec(folder, options=SessionOptions(audio_rate=24_000)))
    await MasktalkAvatar(face).start(agent, ctx.room)
    await agent.start(Agent(instructions="Be brief."), room=ctx.room)
    return agent


if __name__ == "__main__":
    cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint))
