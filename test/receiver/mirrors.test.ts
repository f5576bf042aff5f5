import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assemblyToDocument } from '../../core/assembly-document.ts'
import { SILENT } from '../../core/log.ts'
import { unpackAssembly } from '../../core/packed-assembly.ts'
import { inputTokens, type Usage } from '../../core/usage.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { type Cutter, createCutter } from '../../receiver/cut/cutter.ts'
import { SEEN_BY_MAX } from '../../receiver/cut/sighting-locks.ts'
import { createJournal } from '../../receiver/journal/journal.ts'
import { acrossTraces } from '../../receiver/mirrors/across.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { madeCalls, tracesOf } from '../support/traced-calls.ts'
import { callOf, metricsOf, NOON_NANO, noon, traceIdOf } from '../support/usages.ts'

const SETTINGS = { quietMs: 2000, idleMs: 3000, maxAgeMs: 120_000, spansMax: 100 }

let db: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
})
afterAll(() => db.drop())

const push = (tenant: string, seconds: number, usages: readonly Usage[]) =>
  createJournal({ pool: db.pool, metrics: metricsOf(), settings: SETTINGS }).append(
    tenant,
    [...usages],
    noon(seconds),
  )

const cutter = (): Cutter =>
  createCutter({ pool: db.pool, settings: SETTINGS, log: SILENT, assemble, metrics: metricsOf() })

async function drain(seconds: number, cutters: number, limit: number): Promise<void> {
  const work = async () => {
    const one = cutter()
    while ((await one.cut(noon(seconds), limit)) > 0);
  }
  // What one cutter decided about the trace of another is there for the next turn.
  for (let turn = 0; turn < 3; turn++) await Promise.all(Array.from({ length: cutters }, work))
}

/** The newest revision of each trace, and the sums over all of them. */
async function billed(tenant: string) {
  const { rows } = await db.pool.query(
    `select encode(trace_id, 'hex') as trace, (array_agg(assembly order by revision desc))[1] as assembly,
       sum(model_calls)::int as calls, sum(input_tokens)::int as input, sum(output_tokens)::int as output,
       sum(unmetered_calls)::int as unmetered
     from aforo_store.events where tenant_id = $1 group by 1 order by 1`,
    [tenant],
  )
  return rows.map((row) => ({ ...row, assembly: unpackAssembly(row.assembly) }))
}

/** What all traces together amount to, worked out in memory. */
function expected(traces: readonly (readonly Usage[])[]) {
  const alone = traces.map((usages) => ({ usages, assembly: assemble(usages, { now: NOON_NANO }) }))
  return acrossTraces(alone, { byPlace: true })
    .map((assembly, i) => ({
      trace: traces[i]![0]!.traceId,
      assembly: JSON.parse(JSON.stringify(assemblyToDocument(assembly))),
      calls: assembly.calls.length,
      input: assembly.calls.reduce((sum, { buckets }) => sum + inputTokens(buckets), 0),
      output: assembly.calls.reduce((sum, { buckets }) => sum + buckets.outputText, 0),
      unmetered: assembly.calls.filter((call) => !call.metered).length,
    }))
    .sort((a, b) => (a.trace < b.trace ? -1 : 1))
}

interface Course {
  /** Ranks of the spans in the order of their arrival, taken in turn. */
  readonly ranks: readonly number[]
  readonly perBatch: number
  readonly cutEvery: number
  readonly cutters: number
  readonly limit: number
}

const course: fc.Arbitrary<Course> = fc.record({
  ranks: fc.array(fc.nat(1000), { minLength: 24, maxLength: 24 }),
  perBatch: fc.integer({ min: 1, max: 12 }),
  cutEvery: fc.integer({ min: 1, max: 4 }),
  cutters: fc.integer({ min: 1, max: 3 }),
  limit: fc.constantFrom(1, 2, 50),
})

async function run(tenant: string, traces: readonly (readonly Usage[])[], how: Course): Promise<void> {
  const arriving = traces
    .flat()
    .map((usage, i) => ({ usage, rank: how.ranks[i % how.ranks.length]! }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ usage }) => usage)
  let seconds = 0
  for (let at = 0, batch = 0; at < arriving.length; at += how.perBatch, batch++) {
    seconds += 4
    await push(tenant, seconds, arriving.slice(at, at + how.perBatch))
    if (batch % how.cutEvery === 0) await drain(seconds + 3.5, how.cutters, how.limit)
  }
  await drain(seconds + 60, how.cutters, how.limit)
}

describe('calls that several traces tell of', () => {
  let runs = 0

  it('are billed once, in the same trace, in whatever order their spans come and their traces are cut', async () => {
    await fc.assert(
      fc.asyncProperty(madeCalls, course, async (calls, how) => {
        const tenant = `order-${runs++}`
        const traces = tracesOf(tenant, calls)
        await run(tenant, traces, how)
        expect(await billed(tenant)).toEqual(expected(traces))
      }),
      { numRuns: 40 },
    )
  }, 240_000)

  it.each([
    ['an id', 'chatcmpl-Ax9Zk2LmQp7RtYv4', 'gateway'],
    ['place', null, 'agent'],
  ])(
    'are billed by one of two cutters that cut both traces at once, by %s',
    async (way, responseId, service) => {
      for (let round = 0; round < 8; round++) {
        const tenant = `race-${way}-${round}`
        const fields = { responseId: responseId && `${responseId}-${round}` }
        const inner = { startNano: NOON_NANO + 1_000_000n, scopeName: 'inner', serviceName: service }
        await push(tenant, 0, [callOf(`${tenant} a`, 'a', fields)])
        await push(tenant, 0, [callOf(`${tenant} b`, 'b', { ...fields, ...inner })])
        const settled = await Promise.all([cutter(), cutter(), cutter()].map((one) => one.cut(noon(5), 1)))
        expect(settled.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(2)
        const rows = await billed(tenant)
        expect(rows.reduce((sum, row) => sum + row.calls, 0)).toBe(1)
      }
    },
  )

  it('are compared by ids alone where the tenant wants it so', async () => {
    const tenant = 'by-id'
    await db.pool.query(
      `insert into aforo_store.tenant_settings (tenant_id, mirrors, recorded_at) values ($1, 'by_id', now())`,
      [tenant],
    )
    const id = { responseId: 'chatcmpl-Ax9Zk2LmQp7RtYv4' }
    await push(tenant, 0, [callOf('p', 'a'), callOf('q', 'b', { scopeName: 'other' })])
    await push(tenant, 0, [callOf('r', 'a', id), callOf('s', 'b', { scopeName: 'other', ...id })])
    await drain(5, 1, 50)
    const calls = new Map((await billed(tenant)).map((row): [string, number] => [row.trace, row.calls]))
    expect(['p', 'q'].map((name) => calls.get(traceIdOf(name)))).toEqual([1, 1])
    expect(calls.get(traceIdOf('r'))! + calls.get(traceIdOf('s'))!).toBe(1)
  })

  it('make a revision of their owner only where they tell more than it knew', async () => {
    const tenant = 'late'
    const id = { responseId: 'msg_01XFDUDYJgAACzvnptvVoYEL' }
    const gateway = { serviceName: 'gateway', scopeName: 'openrouter', dialect: 'openrouter', customer: null }
    const revisions = async () => {
      const { rows } = await db.pool.query(
        `select count(*)::int as count, (array_agg(assembly #>> '{calls,0,reportedCost}' order by revision desc))[1] as cost
         from aforo_store.events where tenant_id = $1 and trace_id = decode($2, 'hex')`,
        [tenant, traceIdOf('owner')],
      )
      return rows[0]
    }
    await push(tenant, 0, [callOf('owner', 'a', { ...id, session: 's' })])
    await drain(5, 1, 50)
    await push(tenant, 10, [callOf('same', 'b', { ...id, ...gateway })])
    await drain(20, 1, 50)
    expect(await revisions()).toEqual({ count: 1, cost: null })
    await push(tenant, 30, [callOf('more', 'c', { ...id, ...gateway, reportedCost: '0.25' })])
    await drain(40, 1, 50)
    expect(await revisions()).toEqual({ count: 2, cost: '0.25' })
    expect((await billed(tenant)).reduce((sum, row) => sum + row.calls, 0)).toBe(1)
  })

  it(`are remembered ${SEEN_BY_MAX} times by id, and billed once all the same`, async () => {
    const tenant = 'many'
    const names = Array.from({ length: SEEN_BY_MAX + 1 }, (_, i) => `many ${i}`)
    for (const [i, name] of names.entries()) {
      const fields = { responseId: 'msg_01XFDUDYJgAACzvnptvVoYEL', scopeName: `scope-${i}` }
      await push(tenant, 0, [callOf(name, name, fields)])
      if (i % 13 === 0) await drain(5, 1, 50)
    }
    await drain(5, 1, 50)
    const { rows } = await db.pool.query(
      'select cardinality(seen_by) as seen from aforo_store.call_keys where tenant_id = $1',
      [tenant],
    )
    expect(rows).toEqual([{ seen: SEEN_BY_MAX }])
    expect((await billed(tenant)).reduce((sum, row) => sum + row.calls, 0)).toBe(1)
  })

  it('are taken from a trace that somebody holds as soon as it is let go', async () => {
    const tenant = 'held'
    const id = { responseId: 'msg_01XFDUDYJgAACzvnptvVoYEL' }
    const gateway = { serviceName: 'gateway', scopeName: 'openrouter', dialect: 'openrouter' }
    const calls = async () => (await billed(tenant)).map((row): [string, number] => [row.trace, row.calls])
    await push(tenant, 0, [callOf('held', 'b', { ...id, ...gateway })])
    await drain(5, 1, 50)
    await push(tenant, 10, [callOf('free', 'a', id)])
    const holder = await db.pool.connect()
    try {
      await holder.query('begin')
      await holder.query(`select from aforo_store.traces where trace_id = decode($1, 'hex') for update`, [
        traceIdOf('held'),
      ])
      await drain(20, 1, 50)
      await holder.query('rollback')
    } finally {
      holder.release()
    }
    await drain(21, 1, 50)
    expect(new Map(await calls())).toEqual(
      new Map([
        [traceIdOf('held'), 0],
        [traceIdOf('free'), 1],
      ]),
    )
  })
})
