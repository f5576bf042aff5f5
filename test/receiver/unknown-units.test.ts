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
