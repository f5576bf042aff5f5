"""openai with OpenInference."""

from openinference.instrumentation import using_session
from openinference.instrumentation.openai import OpenAIInstrumentor

import otel
from openai_calls import call_chat, call_embeddings, call_responses, client

provider = otel.start()
OpenAIInstrumentor().instrument()
openai = client()
with using_session("weather"):
    call_chat(openai)
    call_responses(openai)
    call_embeddings(openai)
provider.shutdown()
