"""AWS Strands, which traces by itself. It streams every call."""

from strands import Agent, tool
from strands.models.openai import OpenAIModel

import otel
from turned_away import turned_away


@tool
def weather(city: str) -> str:
    """The weather."""
    return "sunny"


COMMON = {"callback_handler": None, "trace_attributes": {"session.id": "weather"}}


def model(model_id: str) -> OpenAIModel:
    arguments = {"base_url": f"{otel.PROVIDER}/v1", "api_key": "none"}
    return OpenAIModel(client_args=arguments, model_id=model_id)


provider = otel.start()
question = "What is the weather in Oslo?"
plain = Agent(model=model("gpt-4.1-mini"), **COMMON)
plain(question)
plain(question)
Agent(model=model("gpt-4.1-mini"), tools=[weather], **COMMON)(question)
Agent(model=model("gpt-5-mini"), **COMMON)(question)
Agent(model=model("gpt-busy"), **COMMON)(question)
with turned_away(Exception):
    Agent(model=model("gpt-retired"), **COMMON)(question)
provider.shutdown()
