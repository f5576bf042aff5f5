"""LiteLLM with its `otel` callback."""

import time

import litellm
from litellm.integrations.opentelemetry import OpenTelemetry, OpenTelemetryConfig

import otel
from turned_away import turned_away

MESSAGES = [{"role": "user", "content": "What is the weather in Oslo?"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]


def complete(model: str, messages: list, **more):
    return litellm.completion(
        model=f"openai/{model}", messages=messages, api_base=f"{otel.PROVIDER}/v1", api_key="none", **more
    )


provider = otel.start()
litellm.callbacks = [OpenTelemetry(config=OpenTelemetryConfig(), tracer_provider=provider)]
complete("gpt-4.1-mini", MESSAGES)
for _ in complete("gpt-4.1-mini", MESSAGES, stream=True, stream_options={"include_usage": True}):
    pass
asked = complete("gpt-4.1-mini", MESSAGES, tools=TOOLS).choices[0].message
result = {"role": "tool", "tool_call_id": asked.tool_calls[0].id, "content": "sunny"}
complete("gpt-4.1-mini", [*MESSAGES, asked.model_dump(), result], tools=TOOLS)
complete("gpt-5-mini", MESSAGES)
complete("gpt-busy", MESSAGES)
with turned_away(litellm.NotFoundError):
    complete("gpt-retired", MESSAGES)
with turned_away(Exception):
    complete("gpt-garbled", MESSAGES)
litellm.embedding(
    model="openai/text-embedding-3-small", input=["Oslo"], api_base=f"{otel.PROVIDER}/v1", api_key="none"
)
# It logs on a thread of its own.
time.sleep(2)
provider.shutdown()
