"""anthropic, which traces by itself, under OpenLLMetry."""

from anthropic import Anthropic, NotFoundError
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor

import otel
from app_span import app_span
from turned_away import turned_away

MESSAGES = [{"role": "user", "content": "What is the weather in Oslo?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"name": "weather", "description": "The weather.", "input_schema": SCHEMA}]

provider = otel.start()
AnthropicInstrumentor().instrument()
anthropic = Anthropic(base_url=otel.PROVIDER, api_key="none")


def create(model: str, messages: list = MESSAGES, **more):
    return anthropic.messages.create(model=model, max_tokens=100, messages=messages, **more)


with app_span():
    create("claude-sonnet-4-5")
    for _ in create("claude-sonnet-4-5", stream=True):
        pass
    asked = create("claude-sonnet-4-5", tools=TOOLS).content
    result = {"type": "tool_result", "tool_use_id": asked[0].id, "content": "sunny"}
    answered = [{"role": "assistant", "content": asked}, {"role": "user", "content": [result]}]
    create("claude-sonnet-4-5", [*MESSAGES, *answered], tools=TOOLS)
    create("claude-opus-4-5")
    with anthropic.messages.stream(model="claude-opus-4-5", max_tokens=100, messages=MESSAGES) as stream:
        stream.get_final_message()
    create("claude-busy")
    with turned_away(NotFoundError):
        create("claude-retired")
    left = create("claude-slow", stream=True)
    next(iter(left))
    left.close()
provider.shutdown()
