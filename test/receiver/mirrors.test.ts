import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assemblyToDocument } from '../../core/assembly-document.ts'
import { SILENT } from '../../core/log.ts'
import type { Usage } from '../../core/usage.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { type Cutter, createCutter } from '../../receiver/cut/cutter.ts'
import { createJournal } from '../../receiver/journal/journal.ts'
import { acrossTraces } from '../../receiver/mirrors/across.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { madeCalls, tracesOf } from '../support/traced-calls.ts'
import { metricsOf, NOON_NANO, noon } from '../support/usages.ts'

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
  return rows
}

/** What all traces together amount to, worked out in memory. */
function expected(traces: readonly (readonly Usage[])[]) {
  const alone = traces.map((usages) => ({ usages, assembly: assemble(usages, { now: NOON_NANO }) }))
  return acrossTraces(alone, { byPlace: true })
    .map((assembly, i) => ({
      trace: traces[i]![0]!.traceId,
      assembly: JSON.parse(JSON.stringify(assemblyToDocument(assembly))),
      calls: assembly.calls.length,
      input: assembly.calls.reduce((sum, { buckets }) => sum + buckets.inputUncached, 0),
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
})
