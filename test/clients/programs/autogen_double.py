"""AutoGen, which traces its agents by itself, under OpenInference's instrumentations of it and of the client beneath."""

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient
from openinference.instrumentation.autogen_agentchat import AutogenAgentChatInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

import otel
from turned_away import turned_away

QUESTION = "What is the weather in Oslo?"
WITH_USAGE = {"include_usage": True}
INFO = {
    "vision": False,
    "function_calling": True,
    "json_output": False,
    "family": "unknown",
    "structured_output": False,
}


def model(name: str, **more) -> OpenAIChatCompletionClient:
    base_url = f"{otel.PROVIDER}/v1"
    return OpenAIChatCompletionClient(model=name, base_url=base_url, api_key="none", model_info=INFO, **more)


async def weather(city: str) -> str:
    """The weather."""
    return "sunny"


def agent(name: str, model_name: str, **more) -> AssistantAgent:
    return AssistantAgent(name, model_client=model(model_name), **more)


async def main() -> None:
    await agent("plain", "gpt-4.1-mini").run(task=QUESTION)
    streaming = AssistantAgent(
        "streaming", model_client=model("gpt-4.1-mini", stream_options=WITH_USAGE), model_client_stream=True
    )
    async for _ in streaming.run_stream(task=QUESTION):
        pass
    await agent("caller", "gpt-4.1-mini", tools=[weather], reflect_on_tool_use=True).run(task=QUESTION)
    team = RoundRobinGroupChat(
        [agent("first", "gpt-4.1-mini"), agent("second", "gpt-4.1-mini")],
        termination_condition=MaxMessageTermination(3),
    )
    await team.run(task=QUESTION)
    await agent("thinker", "gpt-5-mini").run(task=QUESTION)
    await agent("patient", "gpt-busy").run(task=QUESTION)
    with turned_away(Exception):
        await agent("late", "gpt-retired").run(task=QUESTION)


provider = otel.start()
AutogenAgentChatInstrumentor().instrument()
OpenAIInstrumentor().instrument()
asyncio.run(main())
provider.shutdown()
