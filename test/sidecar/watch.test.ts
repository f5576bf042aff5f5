import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Decision } from '../../core/decision.ts'
import type { Checker } from '../../sidecar/checker.ts'
import type { DecisionListener } from '../../sidecar/decision-listeners.ts'
import { createCheckMetrics } from '../../sidecar/metrics.ts'
import {
  DECISION_STREAMS_MAX,
  DecisionStreams,
  UNREAD_BYTES_MAX,
} from '../../sidecar/server/decision-streams.ts'
import { type CheckWorld, putBudget, startWorld, until, use } from './start.ts'

let world: CheckWorld

beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const SPENDER = { customer: 'acme', product: null, agent: null, session: 's', trace: null }

test('tells each decision that differs, once, to those it is about', async () => {
  await putBudget(world.database.pool, 'trip', {
    scope: { session: '*' },
    limit: '10',
    unit: 'tokens',
    warn_at: ['0.5'],
  })
  const [mine, other] = [await watch('session=s1'), await watch('session=s2')]
  await until(async () => mine.seen.length > 0 && other.seen.length > 0)
  await until(async () => mine.seen.at(-1)?.budget === 'trip')
  const first = mine.seen.length
  await use(world.database.pool, 'trip', ['s1'], '6')
  await until(async () => mine.seen.at(-1)?.decision === 'warn')
  await use(world.database.pool, 'trip', ['s1'], '6')
  await until(async () => mine.seen.at(-1)?.reason === 'budget_exhausted')
  await world.post('/v1/customers/acme/kill')
  await until(async () => mine.seen.at(-1)?.reason === 'killed' && other.seen.at(-1)?.reason === 'killed')
  expect(mine.seen.slice(first).map(({ decision }) => decision)).toEqual(['warn', 'deny', 'deny'])
  mine.stop()
  other.stop()
})

test('stops nobody because of what is held, by himself or by others, until it is used', async () => {
  const scope = { agent: '*' }
  await putBudget(world.database.pool, 'two', { scope, limit: '2', unit: 'model_calls', warn_at: ['0.5'] })
  await world.post('/v1/customers/acme/lift')
  const watcher = await watch('agent=held')
  await until(async () => watcher.seen.at(-1)?.budget === 'two')
  const first = watcher.seen.length
  const estimate = { input_tokens: '1', max_output_tokens: '1' }
  const call = { customer: 'acme', agent: 'held', model: 'claude-sonnet-4-6', reserve: true, estimate }
  await world.check(call)
  expect((await world.check(call)).body).toMatchObject({ decision: 'allow', remaining: '0' })
  expect((await world.check(call)).body.reason).toBe('budget_exhausted')
  await use(world.database.pool, 'two', ['held'], '1')
  await until(async () => watcher.seen.length > first)
  expect(watcher.seen.at(-1)?.reason).toBe('soft_limit')
  await use(world.database.pool, 'two', ['held'], '1')
  await until(async () => watcher.seen.at(-1)?.reason === 'budget_exhausted')
  watcher.stop()
})

test('who never reads is dropped', () => {
  const { streams, listener, response } = opened()
  response.writableLength = UNREAD_BYTES_MAX
  listener().tell(DENIED)
  expect(response.isDestroyed).toBe(false)
  response.writableLength = UNREAD_BYTES_MAX + 1
  listener().tell(DENIED)
  expect(response.isDestroyed).toBe(true)
  streams.stop()
})

test('there are so many watches and no more', () => {
  const { streams, open } = opened()
  for (let i = 1; i < DECISION_STREAMS_MAX; i++) open()
  expect(() => open()).toThrow('too many watches')
  streams.stop()
})

test('who left before it was known whose watch it is takes no place of another', () => {
  const { streams, open, left } = opened()
  for (let i = 0; i < 10; i++) open(left())
  for (let i = 1; i < DECISION_STREAMS_MAX; i++) open()
  expect(() => open()).toThrow('too many watches')
  streams.stop()
})

const DENIED: Decision = { decision: 'deny', reason: 'killed', source: 'live', age_ms: 0 }

function opened() {
  const streams = new DecisionStreams(createCheckMetrics(new Registry()))
  let last: DecisionListener | undefined
  const checker = {
    listen: (listener: DecisionListener) => {
      last = listener
      return () => {}
    },
  } as unknown as Checker
  const stub = () =>
    Object.assign(new EventEmitter(), {
      writableLength: 0,
      destroyed: false,
      isDestroyed: false,
      writeHead() {},
      write() {},
      end() {},
      destroy() {
        this.isDestroyed = true
      },
    })
  const open = (response = stub()) => streams.open(response as unknown as ServerResponse, checker, SPENDER)
  const response = stub()
  open(response)
  const left = () => Object.assign(stub(), { destroyed: true })
  return { streams, listener: () => last!, response, open, left }
}

/** A watch over the wire, and what it was told. */
async function watch(query: string): Promise<{ seen: Decision[]; stop(): void }> {
  const stopped = new AbortController()
  const response = await fetch(`${world.url}/v1/watch?customer=acme&${query}`, { signal: stopped.signal })
  const seen: Decision[] = []
  void (async () => {
    let text = ''
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      text += part
      const events = text.split('\n\n')
      text = events.pop()!
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1]
        if (data) seen.push(JSON.parse(data))
      }
    }
  })().catch(() => {})
  return { seen, stop: () => stopped.abort() }
}
