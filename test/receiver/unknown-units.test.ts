import { afterAll, beforeAll, expect, it } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { createCutter } from '../../receiver/cut/cutter.ts'
import { CUT_DEFAULTS } from '../../receiver/cut/settings.ts'
import type { Receiver } from '../../receiver/receiver.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { chatSpan, jsonOf, protobufOf, testReceiver } from '../support/receiver.ts'
import { metricsOf, noon, spanIdOf } from '../support/usages.ts'

let db: TestDatabase
let receiver: Receiver
beforeAll(async () => {
  db = await testDatabase()
  receiver = await testReceiver(db)
})
afterAll(async () => {
  await receiver.stop()
  await db.drop()
})

it('lists usage of an unknown unit with span and name, bills the rest, and takes it off once it is told right', async () => {
  const attributes = { 'aforo.usage.web_searches': 2, 'aforo.usage.pages_read': 7, 'aforo.usage.miles': 1 }
  const post = async (type: string, body: string | Buffer) => {
    const url = `http://127.0.0.1:${receiver.httpPort}/v1/traces`
    expect((await fetch(url, { method: 'POST', headers: { 'content-type': type }, body })).status).toBe(200)
  }
  const ids = (span: string) => ({ spanId: spanIdOf(span) })
  await post('application/json', jsonOf(chatSpan(ids('json'), attributes)))
  await post('application/x-protobuf', protobufOf(chatSpan(ids('protobuf'), attributes)))
  const metrics = metricsOf()
  const cutter = createCutter({ pool: db.pool, settings: CUT_DEFAULTS, log: SILENT, assemble, metrics })
  await cutter.cut(noon(10))
  const { rows } = await db.pool.query(
    `select kind, reason, encode(span_id, 'hex') as span, model from aforo_store.exceptions order by span`,
  )
  const listed = { kind: 'unknown_unit', reason: 'miles pages_read', model: 'claude-sonnet-4-5' }
  const spans = [spanIdOf('json'), spanIdOf('protobuf')].sort()
  expect(rows).toEqual(spans.map((span) => ({ ...listed, span })))
  const { rows: events } = await db.pool.query(
    `select input_tokens::int as input, assembly #> '{calls,0,quantities}' as quantities from aforo_store.events`,
  )
  expect(events).toEqual(Array(2).fill({ input: 1842, quantities: { web_searches: 2 } }))
})

it('lists a quantity that is none, bills the rest, and takes it off no total', async () => {
  const bad = chatSpan(
    { spanId: spanIdOf('bad'), traceId: '0badc0de'.repeat(4) },
    { 'gen_ai.usage.input_tokens': -5 },
  )
  const url = `http://127.0.0.1:${receiver.httpPort}/v1/traces`
  const headers = { 'content-type': 'application/json' }
  expect((await fetch(url, { method: 'POST', headers, body: jsonOf(bad) })).status).toBe(200)
  const cutter = createCutter({
    pool: db.pool,
    settings: CUT_DEFAULTS,
    log: SILENT,
    assemble,
    metrics: metricsOf(),
  })
  await cutter.cut(noon(10))
  const { rows } = await db.pool.query(
    `select kind, reason, event.input_tokens::int as input, event.output_tokens::int as output
     from aforo_store.exceptions join aforo_store.events event using (tenant_id, event_id)
     where span_id = $1`,
    [Buffer.from(spanIdOf('bad'), 'hex')],
  )
  expect(rows).toEqual([{ kind: 'bad_number', reason: 'negative', input: 0, output: 623 }])
})
