"""LangChain with OpenInference and OpenLLMetry at once: each tells of every call, and of every tool."""

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import NotFoundError
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.instrumentation.langchain import LangchainInstrumentor

import otel
from app_span import app_span
from turned_away import turned_away

QUESTION = "What is the weather in Oslo?"


@tool
def weather(city: str) -> str:
    """The weather."""
    return "sunny"


def model(name: str, **more) -> ChatOpenAI:
    return ChatOpenAI(model=name, base_url=f"{otel.PROVIDER}/v1", api_key="none", **more)


provider = otel.start()
LangChainInstrumentor().instrument()
LangchainInstrumentor().instrument()
with app_span():
    plain = model("gpt-4.1-mini")
    plain.invoke(QUESTION)
    plain.batch([QUESTION, "And in Bergen?"])
    for _ in model("gpt-4.1-mini", stream_usage=True).stream(QUESTION):
        pass
    create_agent(plain, [weather]).invoke({"messages": [("user", QUESTION)]})
    model("gpt-5-mini").invoke(QUESTION)
    model("gpt-5-mini", use_responses_api=True).invoke(QUESTION)
    model("gpt-busy").invoke(QUESTION)
    with turned_away(NotFoundError):
        model("gpt-retired").invoke(QUESTION)
    with turned_away(Exception):
        model("gpt-garbled").invoke(QUESTION)
    left = model("gpt-slow", stream_usage=True).stream(QUESTION)
    next(left)
    left.close()
provider.shutdown()
