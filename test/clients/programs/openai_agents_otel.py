"""OpenAI Agents under OpenTelemetry's own instrumentations, of agents and of the client beneath."""

import asyncio

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool
from openai import AsyncOpenAI, NotFoundError
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.instrumentation.genai.openai_agents import OpenAIAgentsInstrumentor

import otel
from turned_away import turned_away

QUESTION = "What is the weather in Oslo?"


def client() -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{otel.PROVIDER}/v1", api_key="none")


def chat(model: str) -> OpenAIChatCompletionsModel:
    return OpenAIChatCompletionsModel(model=model, openai_client=client())


def responses(model: str) -> OpenAIResponsesModel:
    return OpenAIResponsesModel(model=model, openai_client=client())


@function_tool
def weather(city: str) -> str:
    """The weather."""
    return "sunny"


async def main() -> None:
    await Runner.run(Agent(name="plain", model=chat("gpt-4.1-mini")), QUESTION)
    async for _ in Runner.run_streamed(Agent(name="plain", model=responses("gpt-5-mini")), QUESTION).stream_events():
        pass
    await Runner.run(Agent(name="caller", model=chat("gpt-4.1-mini"), tools=[weather]), QUESTION)
    inner = Agent(name="inner", model=chat("gpt-4.1-mini"))
    await Runner.run(
        Agent(name="outer", model=chat("gpt-4.1-mini"), tools=[inner.as_tool("weather", "asks")]), QUESTION
    )
    await Runner.run(Agent(name="thinker", model=chat("gpt-5-mini")), QUESTION)
    await Runner.run(Agent(name="patient", model=chat("gpt-busy")), QUESTION)
    with turned_away(NotFoundError):
        await Runner.run(Agent(name="late", model=chat("gpt-retired")), QUESTION)
    with turned_away(Exception):
        await Runner.run(Agent(name="lost", model=chat("gpt-garbled")), QUESTION)


provider = otel.start()
OpenAIInstrumentor().instrument()
OpenAIAgentsInstrumentor().instrument()
asyncio.run(main())
provider.shutdown()
