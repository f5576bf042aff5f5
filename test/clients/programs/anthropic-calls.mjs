import { leave } from './leave.mjs'
import { turnedAway } from './turned-away.mjs'

// What an application does with the Anthropic SDK: a message, streams, a tool loop, a cached prompt, a call that succeeds at
// the second attempt, one that is refused, one whose answer cannot be read, and a stream that it leaves.
const messages = [{ role: 'user', content: 'What is the weather in Oslo?' }]
const input_schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const tools = [{ name: 'weather', description: 'The weather.', input_schema }]

export async function callMessages(anthropic) {
  const plain = { model: 'claude-haiku-4-5', max_tokens: 1000, messages }
  await anthropic.messages.create(plain)
  const stream = await anthropic.messages.create({ ...plain, stream: true })
  for await (const _ of stream);
  await anthropic.messages.stream(plain).finalMessage()
  const asked = await anthropic.messages.create({ ...plain, tools })
  const use = asked.content.find((block) => block.type === 'tool_use')
  const result = { type: 'tool_result', tool_use_id: use.id, content: 'sunny' }
  await anthropic.messages.create({
    ...plain,
    tools,
    messages: [
      ...messages,
      { role: 'assistant', content: asked.content },
      { role: 'user', content: [result] },
    ],
  })
  await anthropic.messages.create({ ...plain, model: 'claude-opus-4-5' })
  await anthropic.messages.stream({ ...plain, model: 'claude-opus-4-5' }).finalMessage()
  await anthropic.messages.create({ ...plain, model: 'claude-busy' })
  await turnedAway(anthropic.messages.create({ ...plain, model: 'claude-retired' }))
  await turnedAway(anthropic.messages.create({ ...plain, model: 'claude-garbled' }))
  const left = await anthropic.messages.create({ ...plain, model: 'claude-slow', stream: true })
  await leave(left)
}
