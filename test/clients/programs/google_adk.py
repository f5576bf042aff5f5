"""Google's Agent Development Kit, which traces by itself."""

import asyncio

from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.runners import InMemoryRunner
from google.genai import types
from google.genai.errors import ClientError

import otel
from turned_away import turned_away


def weather(city: str) -> str:
    """The weather."""
    return "sunny"


async def run(agent: LlmAgent, mode: StreamingMode = StreamingMode.NONE) -> None:
    runner = InMemoryRunner(agent=agent, app_name="weather")
    session = await runner.session_service.create_session(app_name="weather", user_id="someone")
    question = types.Content(role="user", parts=[types.Part(text="What is the weather in Oslo?")])
    config = RunConfig(streaming_mode=mode)
    events = runner.run_async(user_id="someone", session_id=session.id, new_message=question, run_config=config)
    async for _ in events:
        pass


async def main() -> None:
    plain = LlmAgent(name="plain", model="gemini-2.5-flash")
    await run(plain)
    await run(plain, StreamingMode.SSE)
    await run(LlmAgent(name="caller", model="gemini-2.5-flash", tools=[weather]))
    await run(LlmAgent(name="thinker", model="gemini-2.5-pro"))
    with turned_away(ClientError):
        await run(LlmAgent(name="late", model="gemini-retired"))
    with turned_away(Exception):
        await run(LlmAgent(name="lost", model="gemini-garbled"))


provider = otel.start()
asyncio.run(main())
provider.shutdown()
