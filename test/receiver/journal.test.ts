import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Usage } from '../../core/usage.ts'
import { createJournal } from '../../receiver/journal/journal.ts'
import { USAGE_COLUMNS, usageOfRow } from '../../receiver/journal/read.ts'
import { openPool } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, metricsOf, noon, otherOf, traceIdOf } from '../support/usages.ts'

let db: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
})
afterAll(() => db.drop())

const journal = (options: { rowsWaitingMax?: number; pool?: TestDatabase['pool'] } = {}) =>
  createJournal({ pool: db.pool, metrics: metricsOf(), ...options })

async function rowsOf(trace: string): Promise<Usage[]> {
  const { rows } = await db.pool.query(
    `select ${USAGE_COLUMNS} from aforo_store.usage_journal j where trace_id = $1 order by span_id`,
    [Buffer.from(traceIdOf(trace), 'hex')],
  )
  return rows.map(usageOfRow)
}

async function traceOf(trace: string) {
  const { rows } = await db.pool.query(
    `select span_count::int as spans, root_ended, has_usage, extract(epoch from cut_due_at - $2) as due
     from aforo_store.traces where trace_id = $1`,
    [Buffer.from(traceIdOf(trace), 'hex'), noon()],
  )
  return rows[0] && { ...rows[0], due: rows[0].due === null ? null : Number(rows[0].due) }
}

describe('a row of the journal', () => {
  it('gives back every field of the usage it was written from', async () => {
    const full = callOf('full', '1', {
      parentSpanId: 'ffffffffffffffff',
      failed: true,
      errorType: '429',
      startNano: 0n,
      endNano: 2n ** 64n - 1n,
      serviceInstance: 'pod-1',
      agentBoundary: true,
      responseId: 'msg_1',
      buckets: {
        inputUncached: Number.MAX_SAFE_INTEGER,
        cacheRead: 1,
        cacheWrite: 2,
        cacheWrite1h: 3,
        outputText: 4_294_967_296,
        outputReasoning: 5,
      },
      totalTokens: 77,
      estimated: true,
      reasoningParts: 3,
      plan: true,
      quantities: { web_searches: 2, input_audio_tokens: 10 },
      serviceTier: 'batch',
      region: 'eu-west-1',
      reportedCost: '-12345.000678',
      reportedCostKey: 'llm.cost',
      toolName: 'db.query',
      toolCallId: 'call_1',
      toolType: 'function',
      customerFallback: 'f',
      product: 'p',
      session: 's "quoted" \\ 日本',
      sessionFallback: 'sf',
      agent: 'triage',
      holdId: 'h',
      anomalies: [{ kind: 'bad_number', spanId: '00000000000000aa', reason: 'negative' }],
    })
    await journal().append('default', [full], noon())
    expect(await rowsOf('full')).toEqual([full])
  })

  it('is kept where its text holds what PostgreSQL refuses', async () => {
    const odd = callOf('odd', '1', { name: 'a\0b', customer: 'c\ud800', session: 'x'.repeat(100_000) })
    await journal().append('default', [odd, callOf('odd', '2')], noon())
    const rows = await rowsOf('odd')
    expect(rows).toHaveLength(2)
    expect(rows.find((row) => row.name !== 'chat claude-sonnet-4-5')).toMatchObject({
      name: 'a�b',
      customer: 'c�',
    })
  })
})

describe('a duplicate', () => {
  it('is one row within a batch, across batches, and across journals at once', async () => {
    const usages = Array.from({ length: 50 }, (_, i) => callOf('dup', `${i}`))
    const [one, two] = [journal(), journal()]
    await one.append('default', [...usages, ...usages], noon())
    const again = Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? one : two).append('default', i % 3 ? usages.toReversed() : usages, noon(i)),
    )
    await Promise.all(again)
    expect(await rowsOf('dup')).toHaveLength(50)
    expect((await traceOf('dup')).spans).toBe(50)
  })

  it('does not move when its trace is due', async () => {
    await journal().append('default', [callOf('still', '1')], noon())
    const before = await traceOf('still')
    await journal().append('default', [callOf('still', '1')], noon(60))
    expect(await traceOf('still')).toEqual(before)
  })

  it('that says something else is kept beside the first', async () => {
    await journal().append('default', [callOf('differs', '1')], noon())
    await journal().append('default', [callOf('differs', '1', { responseId: 'late' })], noon(1))
    expect(await rowsOf('differs')).toHaveLength(2)
  })

  it('of another tenant is no duplicate', async () => {
    await journal().append('default', [callOf('tenants', '1')], noon())
    await journal().append('other', [callOf('tenants', '1')], noon())
    expect(await rowsOf('tenants')).toHaveLength(2)
  })
})

describe('a trace', () => {
  it('is due two seconds after its root ended, thirty after the last span otherwise', async () => {
    await journal().append('default', [callOf('child', '2', { parentSpanId: '00000000000000aa' })], noon())
    expect(await traceOf('child')).toMatchObject({ root_ended: false, due: 30 })
    await journal().append('default', [otherOf('child', '1')], noon(5))
    expect(await traceOf('child')).toMatchObject({ root_ended: true, due: 7 })
  })

  it('is not due before it has usage, whichever receiver saw its root', async () => {
    await journal().append('default', [otherOf('late-usage', '1')], noon())
    expect(await traceOf('late-usage')).toMatchObject({ has_usage: false, due: null })
    await journal().append(
      'default',
      [callOf('late-usage', '2', { parentSpanId: '00000000000000aa' })],
      noon(9),
    )
    expect(await traceOf('late-usage')).toMatchObject({ root_ended: true, due: 11 })
  })

  it('is due at its greatest age though spans still come, and at once at its greatest size', async () => {
    const settings = { quietMs: 2000, idleMs: 30_000, maxAgeMs: 60_000, spansMax: 10 }
    const bounded = createJournal({ pool: db.pool, metrics: metricsOf(), settings })
    const child = (i: number) => callOf('old', `${i}`, { parentSpanId: '00000000000000aa' })
    for (let i = 0; i < 3; i++) await bounded.append('default', [child(i)], noon(i * 20))
    expect(await traceOf('old')).toMatchObject({ due: 60 })
    await bounded.append(
      'default',
      Array.from({ length: 7 }, (_, i) => child(i + 3)),
      noon(41),
    )
    expect(await traceOf('old')).toMatchObject({ spans: 10, due: 41 })
  })
})

describe('the queue', () => {
  it('refuses retryably beyond its bound and takes a single large batch', async () => {
    const small = journal({ rowsWaitingMax: 10 })
    const usages = (name: string, n: number) => Array.from({ length: n }, (_, i) => callOf(name, `${i}`))
    const running = small.append('default', usages('q1', 5), noon())
    const waiting = small.append('default', usages('q2', 10), noon())
    await expect(small.append('default', usages('q3', 1), noon())).rejects.toMatchObject({
      code: 'unavailable',
    })
    await Promise.all([running, waiting])
    await small.append('default', usages('q4', 20_000), noon())
    expect(await rowsOf('q4')).toHaveLength(20_000)
    await small.drain()
  })
})

describe('without a database', () => {
  it('an append fails retryably, and succeeds once it is back', async () => {
    const nowhere = openPool('postgres://127.0.0.1:1/none', { max: 1 })
    const away = journal({ pool: nowhere })
    await expect(away.append('default', [callOf('away', '1')], noon())).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    })
    await nowhere.end()

    // Connections of its own: of those that everybody shares nobody knows which were noticed to be dead.
    const own = openPool(`${db.url}?application_name=killed`, { max: 4 })
    const one = journal({ pool: own })
    await one.append('default', [callOf('away', '1')], noon())
    const killed = Promise.allSettled(
      Array.from({ length: 40 }, (_, i) => one.append('default', [callOf('away', `k${i}`)], noon())),
    )
    await db.pool.query(
      `select pg_terminate_backend(pid, 60000) from pg_stat_activity
       where datname = current_database() and application_name = 'killed'`,
    )
    for (const outcome of await killed)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'unavailable' })
    const acked = (await killed).filter((outcome) => outcome.status === 'fulfilled').length
    expect((await rowsOf('away')).length).toBeGreaterThanOrEqual(acked + 1)
    await own.end()
    await journal().append(
      'default',
      Array.from({ length: 40 }, (_, i) => callOf('away', `k${i}`)),
      noon(),
    )
    expect(await rowsOf('away')).toHaveLength(41)
  })
})
