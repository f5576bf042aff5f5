import type { ServerResponse } from 'node:http'
import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import Anthropic from '@anthropic-ai/sdk'
import { generateText } from 'ai'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  DeniedError,
  denialOf,
  guard,
  guardedFetch,
  metered,
  workSignal,
} from '../../instrumentation/index.ts'
import { type GuardedWorld, type Provider, startGuarded, startProvider } from './world.ts'

let world: GuardedWorld
let provider: Provider

beforeAll(async () => {
  world = await startGuarded()
  provider = await startProvider(reply)
})
afterAll(async () => {
  await provider.close()
  await world.stop()
})
afterEach(() => {
  provider.asked = 0
})

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const CHAT = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-5',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hi' } }],
  usage: USAGE,
}
const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-4-6',
  content: [{ type: 'text', text: 'hi' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 10, output_tokens: 5 },
}
const RESPONSE = {
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  model: 'gpt-5',
  status: 'completed',
  output: [
    {
      id: 'm1',
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text: 'hi', annotations: [] }],
    },
  ],
  usage: { input_tokens: 10, output_tokens: 5, total_tokens: 15 },
}

/** One part of a stream, then silence: a call in flight. */
function reply(path: string, response: ServerResponse): void {
  if (path.startsWith('/slow')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(
      `data: ${JSON.stringify({ ...CHAT, object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: 'h' } }] })}\n\n`,
    )
    return
  }
  const body = path.endsWith('/messages') ? MESSAGE : path.endsWith('/responses') ? RESPONSE : CHAT
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const messages = [{ role: 'user' as const, content: 'hello' }]

/** What each client says, asked through a guarded fetch. */
const CLIENTS = {
  openai: async () => {
    const client = new OpenAI({ apiKey: 'none', baseURL: provider.url, fetch: guardedFetch() })
    const chat = await client.chat.completions.create({
      model: 'gpt-5',
      messages,
      max_completion_tokens: 100,
    })
    return chat.choices[0]!.message.content
  },
  anthropic: async () => {
    const client = new Anthropic({ apiKey: 'none', baseURL: provider.url, fetch: guardedFetch() })
    const message = await client.messages.create({ model: 'claude-sonnet-4-6', messages, max_tokens: 100 })
    return message.content[0]!.type === 'text' ? message.content[0].text : null
  },
  'ai with openai': async () => {
    const openai = createOpenAI({ apiKey: 'none', baseURL: provider.url, fetch: guardedFetch() })
    return (
      await generateText({ model: openai('gpt-5'), prompt: 'hello', maxOutputTokens: 100, maxRetries: 2 })
    ).text
  },
  'ai with anthropic': async () => {
    const anthropic = createAnthropic({ apiKey: 'none', baseURL: provider.url, fetch: guardedFetch() })
    const model = anthropic('claude-sonnet-4-6')
    return (await generateText({ model, prompt: 'hello', maxOutputTokens: 100, maxRetries: 2 })).text
  },
}
const names = Object.keys(CLIENTS) as (keyof typeof CLIENTS)[]

describe('a guarded fetch', () => {
  test.each(names)('lets %s through, holds for it, and settles once the answer is read', async (name) => {
    const before = await holds()
    const ask = metered({ customer: 'acme', session: `may-${name}` }, CLIENTS[name])
    expect(await ask()).toBe('hi')
    expect(provider.asked).toBe(1)
    await world.tracing.flush()
    await expect.poll(holds).toEqual({ settled: before.settled + 1, active: before.active })
  })

  test.each(names)('denies %s before anything is sent, and is not asked again', async (name) => {
    const ask = metered({ customer: 'acme', session: `no-${name}` }, CLIENTS[name])
    await world.post(`/v1/sessions/${encodeURIComponent(`no-${name}`)}/kill`)
    const error = (await ask().catch((thrown: unknown) => thrown)) as Error
    expect(denialOf(error)?.reason).toBe('killed')
    expect(provider.asked).toBe(0)
  })
})

test('a stream in flight ends when its session is stopped', async () => {
  const client = new OpenAI({ apiKey: 'none', baseURL: `${provider.url}/slow`, maxRetries: 0 })
  const work = metered({ customer: 'acme', session: 'in-flight', guard: true }, async () =>
    guard({ model: 'gpt-5' }, async (signal) => {
      const stream = await client.chat.completions.create(
        { model: 'gpt-5', messages, stream: true },
        { signal },
      )
      let parts = 0
      for await (const _ of stream) {
        parts++
        await world.post('/v1/sessions/in-flight/kill')
      }
      // OpenAI's stream ends without an error when it is aborted: the signal tells.
      workSignal().throwIfAborted()
      return parts
    }),
  )
  const error = (await work().catch((thrown: unknown) => thrown)) as DeniedError
  expect(error).toBeInstanceOf(DeniedError)
  expect(error.decision.reason).toBe('killed')
})

async function holds(): Promise<{ settled: number; active: number }> {
  const { rows } = await world.database.pool.query<{ settled: number; active: number }>(
    `select count(*) filter (where state = 'settled')::int as settled,
       count(*) filter (where state = 'active')::int as active
     from aforo_store.budget_holds`,
  )
  return rows[0]!
}
