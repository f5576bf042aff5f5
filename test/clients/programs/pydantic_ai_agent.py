"""pydantic-ai with its own instrumentation."""

import asyncio

from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

import otel
from turned_away import turned_away

QUESTION = "What is the weather in Oslo?"


async def main() -> None:
    openai = OpenAIProvider(openai_client=AsyncOpenAI(base_url=f"{otel.PROVIDER}/v1", api_key="none"))
    plain = Agent(OpenAIChatModel("gpt-4.1-mini", provider=openai), name="plain")
    await plain.run(QUESTION)
    async with plain.run_stream(QUESTION) as stream:
        await stream.get_output()
    caller = Agent(OpenAIChatModel("gpt-4.1-mini", provider=openai), name="caller")

    @caller.tool_plain
    def weather(city: str) -> str:
        return "sunny"

    await caller.run(QUESTION)
    await Agent(OpenAIResponsesModel("gpt-5-mini", provider=openai), name="thinker").run(QUESTION)
    await Agent(OpenAIChatModel("gpt-busy", provider=openai), name="patient").run(QUESTION)
    with turned_away(ModelHTTPError):
        await Agent(OpenAIChatModel("gpt-retired", provider=openai), name="late").run(QUESTION)
    with turned_away(Exception):
        await Agent(OpenAIChatModel("gpt-garbled", provider=openai), name="lost").run(QUESTION)


provider = otel.start()
Agent.instrument_all()
asyncio.run(main())
provider.shutdown()
