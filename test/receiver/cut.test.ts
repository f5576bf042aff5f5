import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { assemblyFromDocument } from '../../core/assembly-document.ts'
import { eventIdOf } from '../../core/ids.ts'
import { SILENT } from '../../core/log.ts'
import { NO_TOKENS, type Usage } from '../../core/usage.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { type Cutter, createCutter } from '../../receiver/cut/cutter.ts'
import type { Assemble } from '../../receiver/cut/revision.ts'
import { createJournal } from '../../receiver/journal/journal.ts'
import { completeEvents } from '../../schema/completion.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, metricsOf, NOON_NANO, noon, otherOf, spanIdOf, traceIdOf } from '../support/usages.ts'

const SETTINGS = { quietMs: 2000, idleMs: 30_000, maxAgeMs: 120_000, spansMax: 100 }
const CHILD = { parentSpanId: spanIdOf('root') }

let db: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
})
afterAll(() => db.drop())
beforeEach(() =>
  db.pool.query(
    'truncate aforo_store.usage_journal, aforo_store.traces, aforo_store.events, aforo_store.rating_queue, aforo_store.exceptions, aforo_store.call_sightings, aforo_store.call_keys, aforo_store.place_scopes',
  ),
)

const push = (seconds: number, ...usages: Usage[]) =>
  createJournal({ pool: db.pool, metrics: metricsOf(), settings: SETTINGS }).append(
    'default',
    usages,
    noon(seconds),
  )

const cutterOf = (how: Assemble = assemble): Cutter =>
  createCutter({ pool: db.pool, settings: SETTINGS, log: SILENT, assemble: how, metrics: metricsOf() })

const cut = (seconds: number, limit?: number) => cutterOf().cut(noon(seconds), limit)

async function revisions(trace: string) {
  const { rows } = await db.pool.query(
    `select revision, cut_reason as reason, model_calls::int as calls, input_tokens::int as input, customer_id as customer
     from aforo_store.events where event_id = $1 order by revision`,
    [eventIdOf(traceIdOf(trace))],
  )
  return rows
}

async function exceptions() {
  const { rows } = await db.pool.query(
    `select kind, reason, resolved_at is null as open from aforo_store.exceptions order by kind, reason`,
  )
  return rows
}

describe('a first cut', () => {
  it('waits until the trace was quiet, then writes the event and queues it for rating', async () => {
    await push(0, callOf('a', 'root'))
    expect(await cut(1.5)).toBe(0)
    expect(await cut(2)).toBe(1)
    expect(await revisions('a')).toEqual([
      { revision: 0, reason: 'root_ended', calls: 1, input: 100, customer: 'acme' },
    ])
    const { rows } = await db.pool.query(
      `select q.revision, q.time = e.time as same, e.assembly, extract(epoch from e.time)::int as time
       from aforo_store.rating_queue q join aforo_store.events e using (tenant_id, event_id)`,
    )
    expect(rows).toMatchObject([{ revision: 0, same: true, time: noon().getTime() / 1000 }])
    const stored = assemblyFromDocument(rows[0].assembly)
    expect(stored).toEqual(assemble([callOf('a', 'root')], { now: NOON_NANO }))
    expect(await cut(60)).toBe(0)
  })

  it.each([
    ['idle', 29, 30, CHILD],
    ['root_ended', 1, 2, {}],
  ])('is named %s', async (reason, early, due, shape) => {
    await push(0, callOf('b', 'x', shape))
    expect(await cut(early)).toBe(0)
    expect(await cut(due)).toBe(1)
    expect(await revisions('b')).toMatchObject([{ reason }])
  })

  it('comes at the greatest age though spans still come', async () => {
    for (let at = 0; at <= 100; at += 20) await push(at, callOf('c', `${at}`, CHILD))
    expect(await cut(119)).toBe(0)
    expect(await cut(120)).toBe(1)
    expect(await revisions('c')).toMatchObject([{ reason: 'max_age', calls: 6 }])
  })

  it('comes at once at the greatest size', async () => {
    await push(0, ...Array.from({ length: 99 }, (_, i) => callOf('d', `${i}`, CHILD)))
    expect(await cut(1)).toBe(0)
    await push(1, callOf('d', '99', CHILD))
    expect(await cut(1)).toBe(1)
    expect(await revisions('d')).toMatchObject([{ reason: 'span_limit', calls: 100 }])
  })

  it('makes no event of a trace without usage', async () => {
    await push(0, otherOf('e', 'root'))
    expect(await cut(100_000)).toBe(0)
  })
})

describe('a later cut', () => {
  it('holds the difference that a late span makes', async () => {
    await push(0, otherOf('f', 'root'), callOf('f', '1', CHILD))
    await cut(2)
    await push(9, callOf('f', '2', CHILD))
    expect(await cut(10)).toBe(0)
    expect(await cut(11)).toBe(1)
    expect(await revisions('f')).toMatchObject([
      { revision: 0, reason: 'root_ended', calls: 1, input: 100 },
      { revision: 1, reason: 'late_span', calls: 1, input: 100 },
    ])
  })

  it('takes back what a late span shows to have been counted twice', async () => {
    const wrapper = { usageClass: 'wrapper', agentBoundary: true, name: 'invoke_agent' } as const
    await push(0, callOf('w', 'root', wrapper))
    await cut(2)
    await push(9, callOf('w', '1', { ...CHILD, buckets: { ...NO_TOKENS, inputUncached: 60 } }))
    await cut(11)
    expect(await revisions('w')).toMatchObject([
      { revision: 0, calls: 1, input: 100 },
      { revision: 1, calls: 0, input: -40 },
    ])
  })

  it('is not made for duplicates', async () => {
    await push(0, callOf('g', 'root'))
    await cut(2)
    await push(5, callOf('g', 'root'))
    expect(await cut(100)).toBe(0)
    expect(await revisions('g')).toHaveLength(1)
  })

  it('is not made where a resent span that differs changes nothing', async () => {
    await push(0, callOf('h', 'root'))
    await cut(2)
    await push(5, callOf('h', 'root', { scopeVersion: '1', serviceInstance: 'pod-2' }))
    expect(await cut(7)).toBe(1)
    expect(await revisions('h')).toHaveLength(1)
  })

  it('fills in the customer that was named by hand, as completed', async () => {
    await push(0, callOf('i', 'root', { customer: null }))
    await cut(2)
    await db.pool.query(
      `insert into aforo_store.attributions (tenant_id, trace_id, customer_id, recorded_at) values ('default', $1, 'acme', now())`,
      [Buffer.from(traceIdOf('i'), 'hex')],
    )
    await completeEvents(db.pool as never, 'default', { kind: 'trace', traceId: traceIdOf('i') }, noon(5))
    expect(await cut(5)).toBe(1)
    expect(await revisions('i')).toEqual([
      { revision: 0, reason: 'root_ended', calls: 1, input: 100, customer: null },
      { revision: 1, reason: 'completed', calls: 0, input: 0, customer: 'acme' },
    ])
    expect(await cut(500)).toBe(0)
  })
})

describe('exceptions', () => {
  it('are listed once and resolved when a later span tells what was missing', async () => {
    const call = { buckets: NO_TOKENS, metered: false, responseModel: null }
    await push(0, callOf('j', 'root', call))
    await cut(2)
    expect(await exceptions()).toMatchObject([{ kind: 'unmetered', open: true }])
    await push(3, callOf('j', 'root', { endNano: NOON_NANO + 600_000_000n }))
    await cut(5)
    expect((await exceptions()).filter((row) => row.open && row.kind === 'unmetered')).toEqual([])
  })

  it('name the model of the call that a span told twice is about', async () => {
    const inner = callOf('q', 'inner', { parentSpanId: spanIdOf('outer'), scopeName: 'sdk' })
    await push(0, callOf('q', 'outer'), inner, callOf('q', 'outer', { name: 'another span' }))
    await cut(2)
    const { rows } = await db.pool.query(
      `select kind, reason, model, encode(span_id, 'hex') as span from aforo_store.exceptions`,
    )
    expect(rows).toEqual([
      { kind: 'conflict', reason: 'span_id_reused', model: 'claude-sonnet-4-5', span: spanIdOf('outer') },
    ])
  })

  it('list a span of the year 0 and one of the far future, and keep their usage', async () => {
    await push(
      0,
      callOf('k', 'root', { startNano: 0n, endNano: 1n }),
      callOf('k', 'x', { ...CHILD, startNano: 2n ** 64n - 2n, endNano: 2n ** 64n - 1n, responseId: 'x' }),
    )
    await cut(2)
    expect(await revisions('k')).toMatchObject([{ calls: 2, input: 200 }])
    expect((await exceptions()).map((row) => row.kind)).toEqual(['bad_time', 'bad_time'])
    const { rows } = await db.pool.query(
      `select extract(epoch from time)::int as time from aforo_store.events`,
    )
    expect(rows).toEqual([{ time: noon().getTime() / 1000 }])
  })
})

describe('several cutters', () => {
  it('cut each trace once', async () => {
    const names = Array.from({ length: 60 }, (_, i) => `m${i}`)
    await push(0, ...names.map((name) => callOf(name, 'root')))
    const each = await Promise.all(Array.from({ length: 4 }, () => drain(cutterOf(), 2)))
    expect(each.reduce((sum, settled) => sum + settled, 0)).toBe(60)
    for (const name of names) expect(await revisions(name)).toHaveLength(1)
  })

  it('and a journal at work beside them lose and double nothing', async () => {
    let done = false
    const cutting = [1, 2].map(async () => {
      while (!done) await cutterOf().cut(noon(1_000), 7)
    })
    for (let round = 0; round < 12; round++)
      await Promise.all(
        [0, 1, 2].map((part) =>
          push(
            0,
            ...Array.from({ length: 10 }, (_, i) =>
              callOf(`n${i}`, `${round}/${part}`, { ...CHILD, responseId: `${round}/${part}` }),
            ),
          ),
        ),
      )
    done = true
    await Promise.all(cutting)
    await drain(cutterOf(), 1_000)
    for (let i = 0; i < 10; i++) {
      const rows = await revisions(`n${i}`)
      expect(rows.reduce((sum, row) => sum + row.calls, 0)).toBe(36)
    }
  })
})

describe('a trace that cannot be assembled', () => {
  const failing: Assemble = (usages, context) => {
    if (usages.some((usage) => usage.traceId === traceIdOf('bad'))) throw new Error('broken')
    return assemble(usages, context)
  }

  it('is put off for longer each time, is listed, and holds up no other', async () => {
    await push(0, callOf('bad', 'root'), callOf('good', 'root'))
    expect(await cutterOf(failing).cut(noon(2))).toBe(2)
    expect(await revisions('good')).toHaveLength(1)
    expect(await revisions('bad')).toHaveLength(0)
    expect(await exceptions()).toEqual([{ kind: 'conflict', reason: 'assembly_failed', open: true }])
    expect(await cutterOf(failing).cut(noon(2.9))).toBe(0)
    expect(await cutterOf(failing).cut(noon(3))).toBe(1)
    expect(await cutterOf(failing).cut(noon(4.9))).toBe(0)
    expect(await cut(5)).toBe(1)
    expect(await revisions('bad')).toHaveLength(1)
    expect(await exceptions()).toEqual([{ kind: 'conflict', reason: 'assembly_failed', open: false }])
  })

  it('is found and put off where the database refuses what it amounts to', async () => {
    const refused: Assemble = (usages, context) => {
      const assembly = assemble(usages, context)
      return usages[0]!.traceId === traceIdOf('bad') ? { ...assembly, agent: 'a\0b' } : assembly
    }
    await push(0, callOf('bad', 'root'), callOf('good', 'root'), callOf('fine', 'root'))
    expect(await cutterOf(refused).cut(noon(2))).toBe(3)
    expect(await revisions('good')).toHaveLength(1)
    expect(await revisions('fine')).toHaveLength(1)
    expect(await exceptions()).toEqual([{ kind: 'conflict', reason: 'cut_failed', open: true }])
  })
})

async function drain(cutter: Cutter, seconds: number): Promise<number> {
  let settled = 0
  for (;;) {
    const more = await cutter.cut(noon(seconds), 5)
    if (more === 0) return settled
    settled += more
  }
}
