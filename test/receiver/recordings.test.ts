import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SILENT } from '../../core/log.ts'
import type { Usage } from '../../core/usage.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { createCutter } from '../../receiver/cut/cutter.ts'
import { createJournal } from '../../receiver/journal/journal.ts'
import { READING } from '../../receiver/receiver.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { metricsOf } from '../support/usages.ts'

/*
 * The recordings of real clients through the journal and the cut, each as a tenant of its own: what its events add up
 * to is what was served, though some tell of one call in two traces, whichever of them is cut first.
 */
const FOLDER = new URL('../recordings/', import.meta.url)

interface Truth {
  readonly requests: readonly string[]
  readonly recoverable: string
  readonly model_calls: number
  readonly usage: Readonly<Record<string, number>>
}

const RECORDINGS = Object.entries<Truth>(JSON.parse(readFileSync(new URL('truth.json', FOLDER), 'utf8')))
const TRUTH = RECORDINGS.filter(
  ([, { recoverable }]) => recoverable === 'exact' || recoverable === 'totals_exact_detail_missing',
)
const SILENT_CLIENTS = RECORDINGS.filter(([, { recoverable }]) => recoverable === 'usage_missing')
/** The model server refused, and the span says nothing of it. */
const REFUSED = RECORDINGS.filter(([, { recoverable }]) => recoverable === 'calls_1_of_0')

const SETTINGS = { quietMs: 10, idleMs: 20, maxAgeMs: 120_000, spansMax: 10_000 }
/** When the recordings are received: a day after they were made. */
const RECEIVED_MS = 1_795_500_000_000

let db: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
})
afterAll(() => db.drop())

function tracesOf({ requests }: Truth): readonly Usage[][] {
  const usages = requests.flatMap((request) => {
    const batch = READING.decode.protobuf(readFileSync(new URL(request, FOLDER)))
    return Array.from({ length: batch.length }, (_, i) => READING.toUsage(batch.span(i), 'any') ?? []).flat()
  })
  return [...Map.groupBy(usages, (usage) => usage.traceId).values()]
}

async function bill(tenant: string, traces: readonly Usage[][]): Promise<void> {
  const journal = createJournal({ pool: db.pool, metrics: metricsOf(), settings: SETTINGS })
  const cutter = createCutter({
    pool: db.pool,
    settings: SETTINGS,
    log: SILENT,
    assemble,
    metrics: metricsOf(),
  })
  for (const [i, usages] of traces.entries()) {
    await journal.append(tenant, usages, new Date(RECEIVED_MS + i * 1000))
    while ((await cutter.cut(new Date(RECEIVED_MS + i * 1000 + 500))) > 0);
  }
}

async function billed(tenant: string) {
  const { rows } = await db.pool.query(
    `select coalesce(sum(model_calls), 0)::int as calls, coalesce(sum(unmetered_calls), 0)::int as unmetered,
       coalesce(sum(input_tokens + embedding_tokens), 0)::int as input_tokens, coalesce(sum(output_tokens), 0)::int as output_tokens,
       coalesce(sum(cache_read_tokens), 0)::int as cache_read_tokens, coalesce(sum(cache_write_tokens), 0)::int as cache_write_tokens,
       coalesce(sum(reasoning_tokens), 0)::int as reasoning_tokens
     from aforo_store.events where tenant_id = $1`,
    [tenant],
  )
  return rows[0]
}

/** What a person sees who asks what is not billed. */
async function listed(tenant: string) {
  const { rows } = await db.pool.query<{ kind: string; span: string; reason: string; model: string | null }>(
    `select kind, encode(span_id, 'hex') as span, reason, model from aforo_store.exceptions
     where tenant_id = $1 and resolved_at is null and kind <> 'unattributed'`,
    [tenant],
  )
  return rows
}

it('no recording is left out', () => {
  expect(TRUTH.length + SILENT_CLIENTS.length + REFUSED.length).toBe(RECORDINGS.length)
})

describe.each(['first', 'last'] as const)('the events of a recording, its %s trace cut first,', (which) => {
  it.each(TRUTH)('are what was served: %s', async (name, truth) => {
    const tenant = `${which} ${name}`
    const traces = tracesOf(truth)
    await bill(tenant, which === 'first' ? traces : traces.toReversed())
    const { input_tokens, output_tokens, ...details } = truth.usage
    const seen = truth.recoverable === 'exact' ? details : {}
    expect(await billed(tenant)).toMatchObject({
      calls: truth.model_calls,
      unmetered: 0,
      input_tokens,
      output_tokens,
      ...seen,
    })
  })
})

it.each(SILENT_CLIENTS)(
  'calls whose usage the client does not tell are listed, each with its model: %s',
  async (name, truth) => {
    const tenant = `silent ${name}`
    const traces = tracesOf(truth)
    await bill(tenant, traces)
    expect(await billed(tenant)).toMatchObject({
      calls: truth.model_calls,
      unmetered: truth.model_calls,
      input_tokens: 0,
      output_tokens: 0,
    })
    const exceptions = await listed(tenant)
    expect(exceptions).toHaveLength(truth.model_calls)
    const spans = new Set(traces.flat().map(({ spanId }) => spanId))
    for (const exception of exceptions) {
      expect(exception).toMatchObject({ kind: 'unmetered', reason: 'no_usage', model: expect.any(String) })
      expect(spans).toContain(exception.span)
    }
  },
)

it.each(REFUSED)('a refused request is no call and nothing is listed: %s', async (name, truth) => {
  const tenant = `refused ${name}`
  await bill(tenant, tracesOf(truth))
  expect(await billed(tenant)).toMatchObject({ calls: truth.model_calls, unmetered: 0, input_tokens: 0 })
  expect(await listed(tenant)).toEqual([])
})
