import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../e2e/client.ts'
import { runCommand } from '../e2e/process.ts'
import { dice } from '../sidecar/agenda.ts'
import { addCustomer, givenOut, post, putBudget } from '../sidecar/start.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startCrowd } from './crowd.ts'
import { disturb } from './disturb.ts'
import { clockOff, type Fleet, startFleet } from './fleet.ts'
import { keepLooking } from './looks.ts'
import { Tally } from './tally.ts'

/**
 * Two hundred clients of real sidecars, whose links break and stall, and of which some are stopped, killed and of another time
 * of day, as their centre is. The limits are nearly used up again and again, and rise then.
 */

const SEED = Number(process.env.PROPERTY_SEED ?? 20261128)
const CLIENTS = 200
const SIDECARS = 5
const STORM_MS = 75_000
const RISE_EVERY_MS = 2_500
const CUSTOMERS = ['alpha', 'beta', 'gamma', 'delta', 'wasteful']
const TOKENS_RISE = 2_500
const CALLS_RISE = 60
/** A lease of the dead comes back after 130 s, a settled hold lets go after 60 s. */
const ALL_BACK_MS_MAX = 150_000

let database: TestDatabase
let fleet: Fleet
beforeAll(async () => {
  database = await testDatabase()
  for (const customer of CUSTOMERS) await addCustomer(database.pool, 'default', customer)
  await putBudget(database.pool, 'tokens', tokensUpTo(TOKENS_RISE))
  await putBudget(database.pool, 'calls', callsUpTo(CALLS_RISE))
  const clocks = ['+1h', '-1h', '+3d']
  const otherTime = (no: number) => (clocks[no] && clockOff(clocks[no])) || {}
  fleet = await startFleet(database.url, SIDECARS, otherTime)
})
afterAll(async () => {
  await fleet?.stop()
  await database.drop()
})

const tokensUpTo = (limit: number) => {
  return { scope: { customer: '*' }, unit: 'tokens' as const, limit: String(limit), mode: 'hard' as const }
}
const callsUpTo = (limit: number) => {
  return { scope: {}, unit: 'model_calls' as const, limit: String(limit), mode: 'hard' as const }
}

test('through cuts, stalls, stops and deaths admitted work stays within every limit, and in the end all of it is counted once', async () => {
  const random = dice(SEED)
  const tokens = new Map(CUSTOMERS.map((customer) => [customer, new Tally(customer, TOKENS_RISE)]))
  const calls = new Tally('calls', CALLS_RISE)
  const looking = keepLooking(database.pool, 50)
  const crowd = startCrowd({
    clients: CLIENTS,
    customers: CUSTOMERS,
    wasteful: 'wasteful',
    tokens,
    calls,
    doors: [...fleet.sidecars, fleet.serve],
    random: dice(SEED + 1),
    otlpUrl: () => `http://127.0.0.1:${fleet.serve.process.ports.otlp_http}`,
  })
  let isOver = false
  let rises = 0
  const rising = (async () => {
    while (!isOver) {
      await pause(RISE_EVERY_MS)
      if ([...tokens.values()].some(({ isNearlyUsed }) => isNearlyUsed)) {
        for (const tally of tokens.values()) tally.limit += TOKENS_RISE
        await put('tokens', tokensUpTo(tokens.get('alpha')!.limit))
        rises += 1
      }
      if (calls.isNearlyUsed) {
        calls.limit += CALLS_RISE
        await put('calls', callsUpTo(calls.limit))
        rises += 1
      }
    }
  })()
  const befell = await disturb(fleet, STORM_MS, random)
  isOver = true
  await rising
  await crowd.end()

  const tallies = [...tokens.values(), calls]
  console.log({ seed: SEED, befell, rises, counts: crowd.counts })
  console.log(tallies.map(({ done, over, most, admitted, limit }) => ({ done, over, most, admitted, limit })))
  expect(tallies.flatMap(({ faults }) => faults)).toEqual([])
  expect(crowd.faults).toEqual([])
  // However little a slow machine did: some limit was nearly used up, and who asked was let in.
  expect(Math.max(...tallies.map(({ most }) => most))).toBeGreaterThan(0.9)
  expect(calls.admitted).toBeGreaterThan(CALLS_RISE)

  // What was used is what the clients did, each call once, to the token.
  await patiently(30_000, async () => (await usedOf('calls')) === crowd.made.size)
  for (const [customer, { done, over }] of tokens) {
    expect(await usedOf('tokens', customer), customer).toBe(done + over)
  }
  // Everything that was given out comes back, that of the dead too.
  await patiently(ALL_BACK_MS_MAX, async () => (await givenOut(database.pool)).leased === '0')
  expect(await givenOut(database.pool)).toEqual({ leased: '0', leases: '0', held: '0' })
  const { looks, amiss } = await looking.end()
  console.log({ looks })
  expect(amiss).toEqual([])
  expect(looks).toBeGreaterThan(STORM_MS / 200)

  // What is left can be spent by anybody, and not one more.
  const { limit, done } = tokens.get('alpha')!
  const ask = (tokens: number) =>
    post(fleet.sidecars[0]!.url, '/v1/check', {
      customer: 'alpha',
      reserve: true,
      model: 'claude-sonnet-4-5',
      estimate: { input_tokens: tokens, max_output_tokens: 0 },
    })
  if (limit > done) expect((await ask(limit - done)).body).toMatchObject({ decision: 'allow' })
  expect((await ask(1)).body).toMatchObject({ decision: 'deny', reason: 'budget_exhausted' })

  // What was used beyond holds is told, of those that the centre has heard of.
  const unheard = await unheardOf()
  const heard = [...crowd.made].filter(([holdId]) => !unheard.has(holdId)).map(([, call]) => call)
  const over = heard.reduce((sum, { used, held }) => sum + Math.max(used - held, 0), 0)
  expect(over).toBeGreaterThan(0)
  expect(await metricOf(fleet.serve.url, 'aforo_budget_over_hold_amount{unit="tokens"}')).toBe(over)

  const errors = [fleet.serve, ...fleet.sidecars].flatMap((kept) =>
    kept
      .log()
      .split('\n')
      .filter((line) => line.includes('"level":50'))
      .map((line) => `${kept.name}: ${line}`),
  )
  expect(errors).toEqual([])
  for (const sidecar of fleet.sidecars) {
    expect(await sidecar.process.end('SIGTERM'), sidecar.name).toEqual({ code: 0, signal: null })
  }
  expect(await runCommand(['audit'], { DATABASE_URL: database.url })).toContain('no gap')
})

/** Again and again, as the API may be down. */
async function put(budget: string, body: object): Promise<void> {
  for (;;) {
    try {
      await api(fleet.serve.process.ports.api!, 'PUT', `/v1/budgets/${budget}`, {
        window: 'lifetime',
        ...body,
      })
      return
    } catch {
      await pause(200)
    }
  }
}

async function usedOf(budget: string, customer?: string): Promise<number> {
  const { rows } = await database.pool.query<{ used: string }>(
    'select used from aforo_store.budget_counters where budget_id = $1 and subject = $2',
    [budget, JSON.stringify(customer === undefined ? [] : [customer])],
  )
  return Number(rows[0]?.used ?? 0)
}

/** Holds that the centre knows by their spans alone: their sidecars were killed before they told of them. */
async function unheardOf(): Promise<ReadonlySet<string>> {
  const { rows } = await database.pool.query<{ hold_id: string }>(
    'select hold_id from aforo_store.budget_holds where sidecar_id is null',
  )
  return new Set(rows.map(({ hold_id }) => hold_id))
}

async function metricOf(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(name))
  return Number(line?.split(' ').at(-1))
}

async function patiently(ms: number, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('it did not come to be in time')
    await pause(250)
  }
}
