"""LlamaIndex with OpenInference. It asks for models it knows by name only, so that none is refused or retried."""

import asyncio

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai import OpenAI
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

import otel

QUESTION = "What is the weather in Oslo?"
MESSAGES = [ChatMessage(role="user", content=QUESTION)]
WITH_USAGE = {"stream_options": {"include_usage": True}}


def model(name: str, **more) -> OpenAI:
    return OpenAI(model=name, api_base=f"{otel.PROVIDER}/v1", api_key="none", **more)


def weather(city: str) -> str:
    """The weather."""
    return "sunny"


async def run_agent() -> None:
    await FunctionAgent(tools=[weather], llm=model("gpt-4.1-mini"), streaming=False).run(QUESTION)


provider = otel.start()
LlamaIndexInstrumentor().instrument()
model("gpt-4.1-mini").chat(MESSAGES)
for _ in model("gpt-4.1-mini", additional_kwargs=WITH_USAGE).stream_chat(MESSAGES):
    pass
asyncio.run(run_agent())
model("gpt-5-mini").chat(MESSAGES)
provider.shutdown()
