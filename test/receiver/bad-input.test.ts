import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { createCutter } from '../../receiver/cut/cutter.ts'
import { CUT_DEFAULTS } from '../../receiver/cut/settings.ts'
import type { Receiver } from '../../receiver/receiver.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import {
  attribute,
  chatSpan,
  journalled,
  jsonOf,
  protobufOf,
  requestOf,
  testReceiver,
} from '../support/receiver.ts'
import { metricsOf, noon } from '../support/usages.ts'

/** What a hostile or broken sender does to the spans of others: nothing. From the socket to the event. */

let db: TestDatabase
let receiver: Receiver
beforeAll(async () => {
  db = await testDatabase()
  receiver = await testReceiver(db, { bodyBytesMax: 8_000_000 })
})
afterAll(async () => {
  await receiver.stop()
  await db.drop()
})
beforeEach(() =>
  db.pool.query(
    'truncate aforo_store.usage_journal, aforo_store.traces, aforo_store.events, aforo_store.rating_queue, aforo_store.exceptions, aforo_store.call_sightings, aforo_store.call_keys',
  ),
)

const GOOD = chatSpan({ traceId: 'aa'.repeat(16), spanId: 'bb'.repeat(8) })

async function send(body: string | Buffer): Promise<number> {
  const json = typeof body === 'string'
  const response = await fetch(`http://127.0.0.1:${receiver.httpPort}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': json ? 'application/json' : 'application/x-protobuf' },
    body: json ? body : new Uint8Array(body),
  })
  await response.arrayBuffer()
  return response.status
}

async function cutAll(): Promise<{ calls: number; input: number; kinds: string[] }> {
  const cutter = createCutter({
    pool: db.pool,
    settings: CUT_DEFAULTS,
    log: SILENT,
    assemble,
    metrics: metricsOf(),
  })
  while ((await cutter.cut(noon(3_600))) > 0);
  const { rows: events } = await db.pool.query(
    'select coalesce(sum(model_calls), 0)::int as calls, coalesce(sum(input_tokens), 0)::float8 as input from aforo_store.events',
  )
  const { rows } = await db.pool.query('select distinct kind from aforo_store.exceptions order by kind')
  return { ...events[0], kinds: rows.map((row) => row.kind) }
}

describe('beside a sound span', () => {
  it.each([
    ['tokens below zero', { 'gen_ai.usage.input_tokens': -5 }],
    ['tokens beyond all reason', { 'gen_ai.usage.input_tokens': '9223372036854775807' }],
    ['tokens that are text', { 'gen_ai.usage.input_tokens': 'many' }],
    ['a model with a zero character', { 'gen_ai.request.model': 'a\0b' }],
    ['a customer of 100 kB', { 'aforo.customer.id': 'x'.repeat(100_000) }],
    ['a session of half characters', { 'gen_ai.conversation.id': '\ud800\udc00\ud800' }],
    ['keys of Object', { constructor: 'x', __proto__: 'y', toString: 'z' }],
  ])('%s is kept or listed, and the sound one is billed', async (_, attributes) => {
    expect(await send(jsonOf(chatSpan({}, attributes), GOOD))).toBe(200)
    expect(await journalled(db)).toBe(2)
    const { input, calls } = await cutAll()
    expect(calls).toBe(2)
    expect(input).toBeGreaterThanOrEqual(1842)
    expect(Number.isSafeInteger(input)).toBe(true)
  })

  it.each([
    ['the year 0', '0', '1'],
    ['the last of nanoseconds', '18446744073709551614', '18446744073709551615'],
    ['an end before its start', '1795435200000000000', '1795435100000000000'],
  ])('a span of %s is billed', async (_, startTimeUnixNano, endTimeUnixNano) => {
    for (const encode of [jsonOf, protobufOf])
      expect(await send(encode(chatSpan({ startTimeUnixNano, endTimeUnixNano }), GOOD))).toBe(200)
    const { calls, kinds } = await cutAll()
    expect(calls).toBe(3)
    if (endTimeUnixNano !== '1795435100000000000') expect(kinds).toContain('bad_time')
  })

  it('NaN and infinite tokens are unmetered, not zero', async () => {
    const odd = ['NaN', 'Infinity'].map((value) => {
      const span = chatSpan({}, {}) as { attributes: { key: string }[] }
      const rest = span.attributes.filter(({ key }) => !key.startsWith('gen_ai.usage'))
      return {
        ...span,
        attributes: [...rest, { key: 'gen_ai.usage.input_tokens', value: { doubleValue: value } }],
      }
    })
    expect(await send(jsonOf(...odd, GOOD))).toBe(200)
    expect(await cutAll()).toMatchObject({ calls: 3, input: 1842, kinds: ['bad_number', 'unmetered'] })
  })

  it('ten thousand attributes cost nobody anything', async () => {
    const span = chatSpan() as { attributes: object[] }
    const many = Array.from({ length: 10_000 }, (_, i) => attribute(`key.${i}`, `value ${i}`))
    const wide = { ...span, attributes: [...many, ...span.attributes] }
    for (const encode of [jsonOf, protobufOf]) expect(await send(encode(wide, GOOD))).toBe(200)
    expect(await cutAll()).toMatchObject({ calls: 2, input: 3684 })
  })

  it('ids of the wrong length or all zero are left out', async () => {
    const odd = [
      { traceId: '' },
      { traceId: 'ab' },
      { traceId: '00'.repeat(16) },
      { spanId: 'ab'.repeat(9) },
      { spanId: '00'.repeat(8) },
    ].map((fields) => chatSpan(fields))
    expect(await send(jsonOf(...odd, GOOD))).toBe(200)
    expect(await send(protobufOf(...odd, GOOD))).toBe(200)
    expect(await journalled(db)).toBe(1)
  })

  it('a parent that is itself, and a ring of parents, end', async () => {
    const traceId = 'cc'.repeat(16)
    const ring = [1, 2, 3].map((n) =>
      chatSpan({ traceId, spanId: `0${n}`.repeat(8), parentSpanId: `0${(n % 3) + 1}`.repeat(8) }),
    )
    const own = chatSpan({ spanId: 'dd'.repeat(8), parentSpanId: 'dd'.repeat(8) })
    expect(await send(jsonOf(...ring, own, GOOD))).toBe(200)
    expect((await cutAll()).calls).toBeGreaterThanOrEqual(3)
  })
})

describe('as a whole', () => {
  it('garbage is refused and the receiver goes on', async () => {
    let seed = 7
    const byte = () => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      return (seed >> 16) & 0xff
    }
    for (let round = 0; round < 50; round++) {
      const body = Buffer.from(Array.from({ length: 200 }, byte))
      expect([200, 400]).toContain(await send(body))
      expect([200, 400]).toContain(await send(body.toString('latin1')))
    }
    const sound = protobufOf(GOOD)
    for (let at = 0; at < sound.length; at += 7) {
      const bent = Buffer.from(sound)
      bent[at]! ^= 0x41
      expect([200, 400]).toContain(await send(bent))
    }
    expect(await send(sound)).toBe(200)
  })

  it('deep nesting is refused or read, and ends', async () => {
    const deep = `${'{"resourceSpans":['.repeat(5_000)}${']}'.repeat(5_000)}`
    expect([200, 400]).toContain(await send(deep))
    const value = `${'{"arrayValue":{"values":['.repeat(2_000)}${']}}'.repeat(2_000)}`
    const span = JSON.stringify(requestOf(GOOD)).replace(
      '"attributes":[',
      `"attributes":[{"key":"gen_ai.request.model","value":${value}},`,
    )
    expect([200, 400]).toContain(await send(span))
  })
})
