import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assemblyToDocument } from '../../core/assembly-document.ts'
import { eventIdOf, sessionEventIdOf } from '../../core/ids.ts'
import { SILENT } from '../../core/log.ts'
import { unpackAssembly } from '../../core/packed-assembly.ts'
import { SESSION_APART_MS_MAX, SESSION_SPANS_MAX, SESSION_TRACES_MAX } from '../../core/session.ts'
import type { Usage } from '../../core/usage.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { type Cutter, createCutter } from '../../receiver/cut/cutter.ts'
import { shortHash } from '../../receiver/cut/sighting-rows.ts'
import { createJournal } from '../../receiver/journal/journal.ts'
import { acrossTraces } from '../../receiver/mirrors/across.ts'
import { joinTraces } from '../../receiver/sessions/join.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { madeCalls, tracesOf } from '../support/traced-calls.ts'
import { callOf, metricsOf, NOON_NANO, noon, otherOf, spanIdOf, traceIdOf } from '../support/usages.ts'

const SETTINGS = { quietMs: 2000, idleMs: 3000, maxAgeMs: 120_000, spansMax: 100 }

let db: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
})
afterAll(() => db.drop())

const push = (tenant: string, seconds: number, ...usages: readonly Usage[]) =>
  createJournal({ pool: db.pool, metrics: metricsOf(), settings: SETTINGS }).append(
    tenant,
    [...usages],
    noon(seconds),
  )

const cutter = (): Cutter =>
  createCutter({ pool: db.pool, settings: SETTINGS, log: SILENT, assemble, metrics: metricsOf() })

async function drain(seconds: number, cutters = 1, limit = 50): Promise<void> {
  const work = async () => {
    const one = cutter()
    while ((await one.cut(noon(seconds), limit)) > 0);
  }
  for (let turn = 0; turn < 3; turn++) await Promise.all(Array.from({ length: cutters }, work))
}

async function groupBy(tenant: string, product: string, how: string, seconds = -60): Promise<void> {
  await db.pool.query(
    'insert into aforo_store.product_settings (tenant_id, product_id, group_by, recorded_at) values ($1, $2, $3, $4)',
    [tenant, product, how, noon(seconds)],
  )
}

/** The events of a tenant that say anything: the newest revision and the sums over all. */
async function billed(tenant: string) {
  const { rows } = await db.pool.query(
    `select event_id as id, (array_agg(assembly order by revision desc))[1] as assembly,
       sum(model_calls)::int as calls, sum(input_tokens)::int as input, sum(output_tokens)::int as output,
       sum(unmetered_calls)::int as unmetered, sum(tool_calls)::int as tools, count(*)::int as revisions
     from aforo_store.events where tenant_id = $1 group by 1 order by 1`,
    [tenant],
  )
  return rows.map(({ assembly, ...row }) => ({ ...row, assembly: unpackAssembly(assembly) }))
}

const totals = (rows: readonly Record<string, unknown>[]) =>
  ['calls', 'input', 'output', 'unmetered', 'tools'].map((name) =>
    rows.reduce((sum, row) => sum + (row[name] as number), 0),
  )

const sessionEvent = (product: string, session: string, customer: string | null, place = 0) =>
  sessionEventIdOf(shortHash(JSON.stringify([product, session, customer])), place)

const inSession = (trace: string, span: string, fields: Partial<Usage> = {}) =>
  callOf(trace, span, { product: 'bot', session: 's', ...fields })

describe('the traces of one session', () => {
  let runs = 0
  const course = fc.record({
    ranks: fc.array(fc.nat(1000), { minLength: 24, maxLength: 24 }),
    perBatch: fc.integer({ min: 1, max: 12 }),
    cutEvery: fc.integer({ min: 1, max: 4 }),
    cutters: fc.integer({ min: 1, max: 3 }),
    limit: fc.constantFrom(1, 2, 50),
  })

  it('are one event, whatever the order of spans, batches and cuts, and add up to what they are apart', async () => {
    await fc.assert(
      fc.asyncProperty(madeCalls, course, async (calls, how) => {
        const run = runs++
        const [grouped, apart] = [`grouped-${run}`, `apart-${run}`]
        await groupBy(grouped, 'bot', 'session')
        const traces = tracesOf(`session ${run}`, calls).map((usages) =>
          usages.map((usage) => ({ ...usage, product: 'bot', session: 's', customer: 'acme' })),
        )
        const arriving = traces
          .flat()
          .map((usage, i) => ({ usage, rank: how.ranks[i % how.ranks.length]! }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ usage }) => usage)
        let seconds = 0
        for (let at = 0, batch = 0; at < arriving.length; at += how.perBatch, batch++) {
          seconds += 4
          await push(grouped, seconds, ...arriving.slice(at, at + how.perBatch))
          if (batch % how.cutEvery === 0) await drain(seconds + 3.5, how.cutters, how.limit)
        }
        await drain(seconds + 60, how.cutters, how.limit)
        await push(apart, 0, ...arriving)
        await drain(60)

        const rows = await billed(grouped)
        const alone = traces.map((usages) => ({ usages, assembly: assemble(usages, { now: NOON_NANO }) }))
        const members = acrossTraces(alone, { byPlace: true }).map((assembly, i) => ({
          traceId: traces[i]![0]!.traceId,
          assembly,
        }))
        const name = { product: 'bot', session: 's', customer: 'acme' }
        const expected = joinTraces(members, name, { startNano: 0n, endNano: 0n })
        expect(rows.map(({ id }) => id)).toEqual([sessionEvent('bot', 's', 'acme')])
        expect(rows[0]!.assembly).toEqual(JSON.parse(JSON.stringify(assemblyToDocument(expected))))
        expect(totals(rows)).toEqual(totals(await billed(apart)))
      }),
      { numRuns: 60 },
    )
  }, 240_000)
})

describe('a trace', () => {
  it('moves from its own event into the session’s once its root tells the session, by differences in both', async () => {
    const tenant = 'late-root'
    await groupBy(tenant, 'bot', 'session')
    const child = { parentSpanId: spanIdOf('root') }
    await push(tenant, 0, inSession('a', 'x'))
    await push(tenant, 0, callOf('b', 'y', child))
    await drain(10)
    await push(tenant, 20, otherOf('b', 'root', { product: 'bot', session: 's' }))
    await drain(30)
    const rows = await billed(tenant)
    expect(rows.map(({ id, calls, input, revisions }) => ({ id, calls, input, revisions }))).toEqual([
      { id: eventIdOf(traceIdOf('b')), calls: 0, input: 0, revisions: 2 },
      { id: sessionEvent('bot', 's', 'acme'), calls: 2, input: 200, revisions: 2 },
    ])
    expect(rows[0]!.assembly.anomalies).toEqual([
      { kind: 'joined', spanId: '', reason: sessionEvent('bot', 's', 'acme') },
    ])
  })

  it('goes over to the customer’s event when its customer is named late, and to its own with another product', async () => {
    const tenant = 'moving'
    await groupBy(tenant, 'bot', 'session')
    const child = { parentSpanId: spanIdOf('root'), customer: null }
    await push(tenant, 0, inSession('c', 'x', child), inSession('d', 'x', child), inSession('e', 'x', child))
    await drain(10)
    expect(await billed(tenant)).toMatchObject([{ id: sessionEvent('bot', 's', null), calls: 3 }])
    await push(tenant, 20, otherOf('c', 'root', { customer: 'acme' }))
    await push(tenant, 20, otherOf('d', 'root', { product: 'other' }))
    await drain(30)
    const calls = new Map((await billed(tenant)).map(({ id, calls }) => [id, calls]))
    expect(calls).toEqual(
      new Map([
        [eventIdOf(traceIdOf('d')), 1],
        [sessionEvent('bot', 's', 'acme'), 1],
        [sessionEvent('bot', 's', null), 1],
      ]),
    )
    // And once more: everything leaves the event that nobody owns.
    await push(tenant, 40, otherOf('e', 'root', { customer: 'acme' }))
    await drain(50)
    const rows = await billed(tenant)
    expect(rows.find(({ id }) => id === sessionEvent('bot', 's', null))).toMatchObject({ calls: 0, input: 0 })
    expect(rows.find(({ id }) => id === sessionEvent('bot', 's', 'acme'))).toMatchObject({ calls: 2 })
    expect(totals(rows)[0]).toBe(3)
  })

  it('stays where it was when the product’s grouping changes, and later ones follow the change', async () => {
    const tenant = 'change'
    await push(tenant, 0, callOf('f', 'x', { product: 'bot', session: 's' }))
    await drain(10)
    await groupBy(tenant, 'bot', 'session', 11)
    await push(tenant, 12, inSession('f', 'late', { parentSpanId: spanIdOf('root') }), inSession('g', 'x'))
    await drain(20)
    await groupBy(tenant, 'bot', 'trace', 21)
    await push(tenant, 22, inSession('g', 'late', { parentSpanId: spanIdOf('root') }), inSession('h', 'x'))
    await drain(30)
    const calls = new Map((await billed(tenant)).map(({ id, calls }) => [id, calls]))
    expect(calls).toEqual(
      new Map([
        [eventIdOf(traceIdOf('f')), 2],
        [eventIdOf(traceIdOf('h')), 1],
        [sessionEvent('bot', 's', 'acme'), 2],
      ]),
    )
  })
})

describe('an event of a session', () => {
  it(`has at most ${SESSION_TRACES_MAX} traces; the next begins another`, async () => {
    const tenant = 'bounded'
    await groupBy(tenant, 'bot', 'session')
    const usages = Array.from({ length: SESSION_TRACES_MAX + 1 }, (_, i) => inSession(`t${i}`, `t${i}`))
    await push(tenant, 0, ...usages)
    await drain(10, 1, 200)
    expect((await billed(tenant)).map(({ id, calls }) => ({ id, calls }))).toEqual([
      { id: sessionEvent('bot', 's', 'acme', 0), calls: SESSION_TRACES_MAX },
      { id: sessionEvent('bot', 's', 'acme', 1), calls: 1 },
    ])
  })

  it(`has at most ${SESSION_SPANS_MAX} spans with usage; the trace that goes beyond begins another`, async () => {
    const tenant = 'large'
    await groupBy(tenant, 'bot', 'session')
    const spansOf = (trace: string, count: number) =>
      Array.from({ length: count }, (_, i) => inSession(trace, `${trace} ${i}`))
    await push(tenant, 0, ...spansOf('most', SESSION_SPANS_MAX - 2))
    await drain(10)
    await push(tenant, 20, ...spansOf('beyond', 3))
    await drain(30)
    await push(tenant, 40, ...spansOf('the rest', 2))
    await drain(50)
    expect((await billed(tenant)).map(({ id, calls }) => ({ id, calls }))).toEqual([
      { id: sessionEvent('bot', 's', 'acme', 0), calls: SESSION_SPANS_MAX },
      { id: sessionEvent('bot', 's', 'acme', 1), calls: 3 },
    ])
  })

  it('takes no trace that begins more than a day from its time', async () => {
    const tenant = 'long'
    await groupBy(tenant, 'bot', 'session', -1_000_000)
    const starting = (ms: number) => {
      const startNano = NOON_NANO - BigInt(ms) * 1_000_000n
      return { startNano, endNano: startNano + 1_000n }
    }
    await push(tenant, 0, inSession('now', 'x'))
    await drain(10)
    await push(tenant, 20, inSession('before', 'x', starting(SESSION_APART_MS_MAX)))
    await push(tenant, 20, inSession('long before', 'x', starting(SESSION_APART_MS_MAX + 1)))
    await drain(30)
    expect((await billed(tenant)).map(({ calls }) => calls)).toEqual([2, 1])
  })

  it('joins what several cutters bring at once', async () => {
    for (let round = 0; round < 8; round++) {
      const tenant = `race-${round}`
      await groupBy(tenant, 'bot', 'session')
      const names = Array.from({ length: 12 }, (_, i) => `r${i}`)
      await push(tenant, 0, ...names.map((name) => inSession(name, name)))
      await drain(10, 4, 1)
      expect((await billed(tenant)).map(({ calls }) => calls)).toEqual([12])
    }
  })
})
