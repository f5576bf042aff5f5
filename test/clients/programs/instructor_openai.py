"""Instructor, which asks for structured answers, under OpenInference's instrumentations of it and of the client beneath."""

import instructor
from instructor.core import InstructorRetryException
from openinference.instrumentation.instructor import InstructorInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from pydantic import BaseModel

import otel
from openai_calls import MESSAGES, client
from turned_away import turned_away


class City(BaseModel):
    city: str


provider = otel.start()
InstructorInstrumentor().instrument()
OpenAIInstrumentor().instrument()
create = instructor.from_openai(client()).chat.completions.create
for model in ("gpt-4.1-mini", "gpt-5-mini", "gpt-busy"):
    create(model=model, response_model=City, messages=MESSAGES)
with turned_away(InstructorRetryException):
    create(model="gpt-retired", response_model=City, messages=MESSAGES)
provider.shutdown()
