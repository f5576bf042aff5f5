import { leave } from './leave.mjs'
import { turnedAway } from './turned-away.mjs'

// What an application does with the openai package: a chat, a stream, a tool loop, a call with cached and reasoning tokens,
// one that succeeds at the second attempt, one that is refused, one whose answer cannot be read, and a stream that it leaves; through the Responses API too.
const messages = [{ role: 'user', content: 'What is the weather in Oslo?' }]
const parameters = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
}
const tools = [{ type: 'function', function: { name: 'weather', description: 'The weather.', parameters } }]

export async function callChat(openai) {
  const model = 'gpt-4.1-mini'
  await openai.chat.completions.create({ model, messages })
  const stream = await openai.chat.completions.create({
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  })
  for await (const _ of stream);
  const asked = await openai.chat.completions.create({ model, messages, tools })
  const [call] = asked.choices[0].message.tool_calls
  const result = { role: 'tool', tool_call_id: call.id, content: 'sunny' }
  await openai.chat.completions.create({
    model,
    messages: [...messages, asked.choices[0].message, result],
    tools,
  })
  await openai.chat.completions.create({ model: 'gpt-5-mini', messages })
  await openai.chat.completions.create({ model: 'gpt-busy', messages })
  await turnedAway(openai.chat.completions.create({ model: 'gpt-retired', messages }))
  await turnedAway(openai.chat.completions.create({ model: 'gpt-garbled', messages }))
  const left = await openai.chat.completions.create({
    model: 'gpt-slow',
    messages,
    stream: true,
    stream_options: { include_usage: true },
  })
  await leave(left)
}

export async function callResponses(openai) {
  await openai.responses.create({ model: 'gpt-5-mini', input: 'What is the weather in Oslo?' })
  const stream = await openai.responses.create({ model: 'gpt-5-mini', input: 'And in Bergen?', stream: true })
  for await (const _ of stream);
  await turnedAway(openai.responses.create({ model: 'gpt-retired', input: 'And in Rome?' }))
}

export async function callEmbeddings(openai) {
  await openai.embeddings.create({ model: 'text-embedding-3-small', input: 'Oslo' })
}
