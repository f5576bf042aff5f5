import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SILENT } from '../../core/log.ts'
import type { Usage } from '../../core/usage.ts'
import { createRater } from '../../rating/rater.ts'
import { createProjector } from '../../rating/running/projector.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { createOpenAssembler } from '../../receiver/open/assemble-open.ts'
import { endOverdueHolds } from '../../schema/budgets/holds.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { dyingAt } from '../support/dying.ts'
import { callOf, NOON_NANO, noon, otherOf, spanIdOf } from '../support/usages.ts'
import { openDesk, standOf } from './desk.ts'
import { gapsOf, openWorld } from './world.ts'

/**
 * In whatever order spans arrive, are looked at, cut and rated, and whoever of projector and rater comes first or dies: after
 * every commit a call that was let in counts once, by what its hold holds or by what it used, and never by neither.
 */

const RUNS = Number(process.env.BUDGET_RUNS ?? 6)
/** Of a call, as it is held and as it is told. */
const HELD = { calls: 1, tokens: 200 }
const USED = { calls: 1, tokens: 120 }
const UNITS = ['calls', 'tokens'] as const
type Amounts = Readonly<Record<(typeof UNITS)[number], number>>
const NOTHING: Amounts = { calls: 0, tokens: 0 }

const call = fc.nat(7)
const one = <T extends string>(name: T) => fc.record({ do: fc.constant(name), call })
/** Statements until a death; beyond the last one it is none. */
const dying = <T extends string>(name: T) =>
  fc.record({ do: fc.constant(name), at: fc.integer({ min: 2, max: 45 }) })
const action = fc.oneof(
  { weight: 5, arbitrary: one('hold') },
  { weight: 6, arbitrary: one('tell') },
  { weight: 4, arbitrary: one('gateway') },
  { weight: 2, arbitrary: one('root') },
  { weight: 1, arbitrary: one('settle') },
  { weight: 1, arbitrary: one('release') },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('overdue' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('look' as const) }) },
  { weight: 1, arbitrary: dying('dying look') },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('cut' as const), after: fc.constantFrom(3, 40) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('rate' as const), most: fc.constantFrom(1, 1, 50) }) },
  { weight: 1, arbitrary: dying('dying rate') },
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** What of a call is known to whom. */
interface Call {
  hold: 'none' | 'active' | 'settled' | 'over'
  heldUntil: number
  /** Its own span, which names the hold, and that of the gateway: on their way, arrived, or counted. */
  client: 'away' | 'here' | 'seen'
  gateway: 'away' | 'here' | 'seen'
}

/** The least and the most that a call counts for by now. */
function boundsOf({ hold, client, gateway }: Call): readonly [Amounts, Amounts] {
  const isHolding = hold === 'active' || hold === 'settled'
  const held = isHolding && client !== 'seen' ? (hold === 'active' ? HELD : USED) : NOTHING
  if (client === 'seen') return [USED, USED]
  // Where the gateway alone was seen nobody knows that it is the call of the hold.
  const least = gateway === 'seen' && !isHolding ? USED : NOTHING
  const most = gateway === 'seen' ? USED : NOTHING
  return [sum([held, least]), sum([held, most])]
}

function sum(all: readonly Amounts[]): Amounts {
  return {
    calls: all.reduce((total, each) => total + each.calls, 0),
    tokens: all.reduce((total, each) => total + each.tokens, 0),
  }
}

async function run(db: TestDatabase, actions: readonly Action[], inSessions: boolean): Promise<void> {
  const { pool } = db
  const world = await openWorld(pool)
  if (inSessions) await world.group(0, 'bot', 'session')
  await world.budget(0, 'tokens', { limit: '1000000' })
  await world.budget(0, 'calls', { unit: 'model_calls', limit: '10000' })
  const desk = openDesk(pool, ['tokens', 'calls'])
  const assembleOpen = createOpenAssembler({ assemble, log: SILENT })
  const calls = new Map<number, Call>()
  let seconds = 1

  const traceOf = { client: (no: number) => `trace ${no % 3}`, gateway: (no: number) => `gateway ${no % 2}` }
  const push = async (no: number, by: 'client' | 'gateway', fields: Partial<Usage>) => {
    const startNano = NOON_NANO + BigInt(no) * 1_000_000_000n
    await world.push(
      seconds,
      callOf(traceOf[by](no), `${by} ${no}`, {
        parentSpanId: spanIdOf('root'),
        customer: null,
        startNano,
        endNano: startNano + 500_000_000n,
        responseId: `msg_01XFDUDYJgAACzvnptvVo${String(no).padStart(3, '0')}`,
        ...fields,
      }),
    )
  }

  async function act(each: Action): Promise<void> {
    if (!('call' in each)) return turn(each)
    const no = each.call
    const known = calls.get(no)
    const of: Call = known ?? { hold: 'none', heldUntil: 0, client: 'away', gateway: 'away' }
    const isOpen = of.hold === 'active' && of.client === 'away'
    if (each.do === 'hold' && known === undefined) {
      await desk.lease(seconds, { calls: 30, tokens: 6_000 })
      await desk.hold(seconds, `hold ${no}`, HELD)
      calls.set(no, { ...of, hold: 'active', heldUntil: seconds + 65 })
    } else if (each.do === 'tell' && of.client === 'away') {
      await push(no, 'client', { holdId: of.hold === 'none' ? null : `hold ${no}` })
      calls.set(no, { ...of, client: 'here' })
    } else if (each.do === 'gateway' && of.gateway === 'away') {
      await push(no, 'gateway', { scopeName: 'gateway', serviceName: 'gateway', kind: 'server' })
      calls.set(no, { ...of, gateway: 'here' })
    } else if (each.do === 'settle' && of.hold === 'active') {
      await desk.settle(seconds, `hold ${no}`, { input_tokens: '100', output_tokens: '20' })
      if (of.client !== 'seen') calls.set(no, { ...of, hold: 'settled', heldUntil: seconds + 60 })
    } else if (each.do === 'release' && isOpen) {
      await desk.release(seconds, `hold ${no}`)
      calls.set(no, { ...of, hold: 'over' })
    } else if (each.do === 'root') {
      const session = { product: 'bot', session: `s${no % 2}` }
      await world.push(seconds, otherOf(`trace ${no % 3}`, 'root', inSessions ? session : {}))
    }
  }

  async function turn(each: Exclude<Action, { call: number }>): Promise<void> {
    if (each.do === 'look') await world.project(seconds)
    else if (each.do === 'rate') await world.rate(seconds, each.most)
    else if (each.do === 'cut') {
      seconds += each.after
      await world.cut(seconds)
    } else if (each.do === 'overdue') {
      seconds += 45
      await endOverdueHolds(pool, noon(seconds))
      for (const [no, of] of calls)
        if (of.heldUntil <= seconds && of.hold !== 'none') calls.set(no, { ...of, hold: 'over' })
    } else if (each.do === 'dying look') {
      await dyingAt(db, each.at, (broken) =>
        createProjector({ pool: broken, assembleOpen }).project(noon(seconds)),
      )
    } else {
      await dyingAt(db, each.at, (broken) =>
        createRater({ pool: broken, assembleOpen }).rate(noon(seconds), 50),
      )
    }
  }

  /**
   * A span is counted once its trace does not wait any more, whatever comes to its trace then. One that was looked at with all
   * of its spans may wait to be looked at once more.
   */
  async function notice(): Promise<void> {
    const { rows } = await pool.query<{ trace_id: string }>(
      `select distinct encode(trace_id, 'hex') as trace_id
       from aforo_store.spend_queue queued
       join aforo_store.traces trace using (tenant_id, trace_id)
       where not exists (
         select from aforo_store.open_spend open
         where open.tenant_id = queued.tenant_id and open.trace_id = queued.trace_id and event_id = ''
           and open.spans >= trace.span_count)`,
    )
    const waiting = new Set(rows.map((row) => row.trace_id))
    for (const [no, of] of calls) {
      const isSeen = (by: 'client' | 'gateway') =>
        of[by] === 'here' && !waiting.has(callOf(traceOf[by](no), 'any').traceId)
      calls.set(no, {
        ...of,
        client: isSeen('client') ? 'seen' : of.client,
        gateway: isSeen('gateway') ? 'seen' : of.gateway,
      })
    }
  }

  for (const [step, each] of actions.entries()) {
    seconds += 1
    await act(each)
    await notice()
    const stand = await standOf(pool)
    const leases = await leasesOf(db)
    const bounds = [...calls.values()].map(boundsOf)
    const least = sum(bounds.map(([low]) => low))
    const most = sum(bounds.map(([, high]) => high))
    for (const unit of UNITS) {
      const counted =
        stand[unit] === undefined ? 0 : stand[unit].used + stand[unit].leased - (leases[unit] ?? 0)
      const said = `${step}: ${JSON.stringify(each)} at ${seconds} s: ${counted} ${unit}`
      expect(counted, said).toBeGreaterThanOrEqual(least[unit])
      expect(counted, said).toBeLessThanOrEqual(most[unit])
    }
    expect(await gapsOf(pool, seconds), `${step}: ${JSON.stringify(each)}`).toEqual([])
  }

  for (let done = 1; done > 0; ) {
    seconds += 140
    done = (await world.project(seconds)) + (await world.cut(seconds)) + (await world.rate(seconds))
    done += await endOverdueHolds(pool, noon(seconds))
  }
  const made = [...calls.values()].filter(
    ({ client, gateway }) => client !== 'away' || gateway !== 'away',
  ).length
  const stand = await standOf(pool)
  for (const unit of UNITS) {
    expect(stand[unit] ?? { used: 0, leased: 0 }).toEqual({ used: made * USED[unit], leased: 0 })
  }
  expect(await world.open()).toEqual([])
}

async function leasesOf({ pool }: TestDatabase): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ budget_id: string; amount: string }>(
    'select budget_id, sum(amount) as amount from aforo_store.budget_leases group by 1',
  )
  return Object.fromEntries(rows.map((row) => [row.budget_id, Number(row.amount)]))
}

test('a call that was let in counts once at every commit, whoever of projector and rater comes first or dies', {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 30, maxLength: 70, size: 'max' }),
      fc.boolean(),
      async (actions, inSessions) => {
        const db = await testDatabase()
        try {
          await run(db, actions, inSessions)
        } finally {
          await db.drop()
        }
      },
    ),
    { numRuns: RUNS, endOnFailure: true },
  )
})
