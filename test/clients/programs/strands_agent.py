"""AWS Strands, which traces by itself. It streams every call."""

from strands import Agent, tool
from strands.models.openai import OpenAIModel

import otel


@tool
def weather(city: str) -> str:
    """The weather."""
    return "sunny"


def model(model_id: str) -> OpenAIModel:
    arguments = {"base_url": f"{otel.PROVIDER}/v1", "api_key": "none"}
    return OpenAIModel(client_args=arguments, model_id=model_id)


provider = otel.start()
question = "What is the weather in Oslo?"
plain = Agent(model=model("gpt-4.1-mini"), callback_handler=None)
plain(question)
plain(question)
Agent(model=model("gpt-4.1-mini"), tools=[weather], callback_handler=None)(question)
Agent(model=model("gpt-5-mini"), callback_handler=None)(question)
provider.shutdown()
