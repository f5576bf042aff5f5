"""What an application does with the openai package."""

from openai import NotFoundError, OpenAI

from otel import PROVIDER
from turned_away import turned_away

MESSAGES = [{"role": "user", "content": "What is the weather in Oslo?"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]


def client() -> OpenAI:
    return OpenAI(base_url=f"{PROVIDER}/v1", api_key="none")


def call_chat(openai: OpenAI) -> None:
    """A chat, a stream, a tool loop, a call with cached and reasoning tokens, one that is retried, one that is refused, one whose answer cannot be read, and a stream that is left."""
    model = "gpt-4.1-mini"
    create = openai.chat.completions.create
    create(model=model, messages=MESSAGES)
    for _ in create(model=model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}):
        pass
    asked = create(model=model, messages=MESSAGES, tools=TOOLS).choices[0].message
    call = {"role": "assistant", "tool_calls": [each.model_dump() for each in asked.tool_calls]}
    result = {"role": "tool", "tool_call_id": asked.tool_calls[0].id, "content": "sunny"}
    create(model=model, messages=[*MESSAGES, call, result], tools=TOOLS)
    create(model="gpt-5-mini", messages=MESSAGES)
    create(model="gpt-busy", messages=MESSAGES)
    with turned_away(NotFoundError):
        create(model="gpt-retired", messages=MESSAGES)
    with turned_away(Exception):
        create(model="gpt-garbled", messages=MESSAGES)
    left = create(model="gpt-slow", messages=MESSAGES, stream=True, stream_options={"include_usage": True})
    next(iter(left))
    left.close()


def call_responses(openai: OpenAI) -> None:
    openai.responses.create(model="gpt-5-mini", input="What is the weather in Oslo?")
    for _ in openai.responses.create(model="gpt-5-mini", input="And in Bergen?", stream=True):
        pass
    with turned_away(NotFoundError):
        openai.responses.create(model="gpt-retired", input="And in Rome?")


def call_embeddings(openai: OpenAI) -> None:
    openai.embeddings.create(model="text-embedding-3-small", input="Oslo")
