import { describe, expect, test } from 'vitest'
import type { ExchangeReply } from '../../core/lease.ts'
import { amountsOf, NO_RATES } from '../../core/rate-card.ts'
import { SCALED_ONE } from '../../core/scaled.ts'
import { endBySpan, HOLD_GRACE_MS } from '../../schema/budgets/book-holds.ts'
import { LEASE_MS } from '../../schema/budgets/grant-lease.ts'
import { type BookCounter, counterName, type LeaseBook } from '../../schema/budgets/lease-book.ts'
import { endOverdue, LEASE_GRACE_MS, takeIn } from '../../schema/budgets/take-in.ts'
import { HoldBook, TOLD_AT_ONCE_MAX } from '../../sidecar/leases/hold-book.ts'
import { LEASE_IDLE_MS } from '../../sidecar/leases/lease-order.ts'
import type { OpenHold } from '../../sidecar/leases/open-hold.ts'
import { Counter } from '../../sidecar/view/counter.ts'
import { termsOf } from '../../sidecar/view/terms.ts'

/** A sidecar's book against the centre's, over no network, with clocks that are told. */

const KEY = { budgetId: 'calls', counting: 1, subject: '[]', windowStart: '-infinity' }
const NAME = counterName(KEY)
const NOBODY = { customer: 'acme', product: null, agent: null, session: null, trace: null }
const HOUR = 3_600_000
const TTL = 1_000

/** @param offset by how much the sidecar's clock is ahead of the centre's */
function open(limit: number, offset: number) {
  const terms = termsOf('calls', {
    scope: {},
    unit: 'model_calls',
    limit: String(limit),
    window: 'lifetime',
    mode: 'hard',
  })
  const counter = new Counter(NAME, KEY, terms, BigInt(limit) * SCALED_ONE)
  const ours = new HoldBook('s')
  const at: BookCounter & { used: bigint } = {
    name: NAME,
    key: KEY,
    limit: BigInt(limit) * SCALED_ONE,
    isWhole: true,
    used: 0n,
    usedCogs: null,
    leased: 0n,
  }
  const centre: LeaseBook = { counters: new Map([[NAME, at]]), leases: new Map(), holds: new Map() }
  let no = 0
  const need = {
    amounts: amountsOf(NO_RATES, { inputTokens: 0n, outputTokens: 0n, toolCalls: 0n }),
    isComplete: true,
  }
  /** The centre takes a message in at `ms` of its clock. */
  const takenIn = (message: NonNullable<ReturnType<HoldBook['message']>>, ms: number): ExchangeReply => {
    const holds = message.holds.map((hold) => ({
      ...hold,
      takes: hold.takes.map((take) => ({
        ...take,
        counter: NAME,
        unit: 'model_calls' as const,
        amount: SCALED_ONE,
      })),
    }))
    const told = { ...message, holds, orders: message.orders.map((order) => ({ ...order, name: NAME })) }
    const { ends, leases } = takeIn(centre, told, () => `l${no++}`, ms)
    const grants = leases.map((lease) => ({
      counter: KEY,
      leaseId: lease?.leaseId ?? null,
      amount: String((lease?.amount ?? 0n) / SCALED_ONE),
      msValid: LEASE_MS,
    }))
    return { ends, grants, standings: [] }
  }
  return {
    ours,
    need,
    centre,
    counter,
    leased: () => Number(at.leased / SCALED_ONE),
    take(ms: number, ttl = TTL) {
      const holdId = `h${no++}`
      const order = { holdId, spender: NOBODY, model: null, card: NO_RATES, need, counters: [counter] }
      return ours.take({ ...order, expiresAt: ms + offset + ttl }, false, ms + offset)
    },
    /** Orders so many calls and has them granted, over a network that takes `delay` each way. */
    order(ms: number, calls: number, delay = 0) {
      for (let i = 0; i < calls; i++) ours.want({ counters: [counter], need }, ms + offset)
      const message = ours.message(ms + offset)!
      ours.answered(takenIn(message, ms + delay), ms + offset)
    },
    message: (ms: number, isAway = false) => ours.message(ms + offset, { isAway }),
    takenIn,
    answered: (reply: ExchangeReply, sentMs: number) => ours.answered(reply, sentMs + offset),
    use: (calls: number) => {
      at.used += BigInt(calls) * SCALED_ONE
    },
  }
}

const isIn = (hold: OpenHold | 'short' | 'full') => typeof hold === 'object'

describe.each([
  ['is right', 0],
  ['is an hour ahead', HOUR],
  ['is an hour behind', -HOUR],
])('a sidecar whose clock %s', (_, offset) => {
  test('uses a lease to the last millisecond by its own clock, and not one longer', () => {
    const world = open(10, offset)
    world.order(0, 4)
    expect(isIn(world.take(LEASE_MS - 1))).toBe(true)
    expect(world.take(LEASE_MS)).toBe('short')
  })

  test('counts a lease from before it asked, however long the answer takes', () => {
    const world = open(10, offset)
    world.order(0, 4, 50_000)
    expect(isIn(world.take(LEASE_MS - 1))).toBe(true)
    expect(world.take(LEASE_MS)).toBe('short')
    endOverdue(world.centre, 50_000 + LEASE_MS)
    expect(world.leased(), 'the centre waits from when it answered').toBe(4)
  })

  test('that is cut off has stopped using its lease before the centre takes it back, with a margin for the skew', () => {
    const world = open(10, offset)
    world.order(0, 4)
    endOverdue(world.centre, LEASE_MS + LEASE_GRACE_MS - 1)
    expect(world.leased()).toBe(4)
    endOverdue(world.centre, LEASE_MS + LEASE_GRACE_MS)
    expect(world.leased()).toBe(0)
    expect(world.counter.freeAt(LEASE_MS + offset)).toBe(0n)
  })

  test('that comes back after its lease was taken back holds nothing of it, and starts anew', () => {
    const world = open(10, offset)
    world.order(0, 4)
    expect(isIn(world.take(100))).toBe(true)
    const back = LEASE_MS + LEASE_GRACE_MS
    endOverdue(world.centre, back)
    const message = world.message(back)!
    expect(message.holds[0]!.msLeft).toBeLessThan(-HOLD_GRACE_MS)
    world.answered(world.takenIn(message, back), back)
    expect([...world.centre.holds.values()].map(({ state }) => state)).toEqual(['expired'])
    expect(world.leased()).toBe(0)
    world.order(back + 10, 2)
    expect(isIn(world.take(back + 20))).toBe(true)
  })
})

describe('a hold that nobody was told of', () => {
  const OVER = 10 + TTL + HOLD_GRACE_MS

  test('is free again once the centre has heard that its time is over', () => {
    const world = open(1, 0)
    world.order(0, 1)
    world.take(10)
    const lost = world.message(OVER)!
    expect(world.take(OVER)).toBe('short')
    world.answered(world.takenIn(lost, OVER), OVER)
    world.order(OVER, 1)
    expect(isIn(world.take(OVER))).toBe(true)
  })

  test('is not free again where its span was counted while its sidecar was cut off', () => {
    const world = open(1, 0)
    world.order(0, 1)
    const hold = world.take(10) as OpenHold
    endBySpan(world.centre, hold.holdId, { model_calls: '1' }, 5_000)
    world.use(1)
    const lost = world.message(OVER)!
    expect(world.take(OVER)).toBe('short')
    world.answered(world.takenIn(lost, OVER), OVER)
    expect(world.leased()).toBe(0)
    expect(world.take(OVER + 1)).toBe('short')
    world.order(OVER + 2, 1)
    expect(world.take(OVER + 3)).toBe('short')
  })
})

test('a hold that outlasts its lease says until when it must be heard of', () => {
  const world = open(10, 0)
  world.order(0, 4)
  const hold = world.take(10, HOUR) as OpenHold
  expect(world.ours.coveredUntil(hold)).toBe(LEASE_MS)
})

test('a lease is given back after a while without use, but kept while nobody answers', () => {
  const idle = open(10, 0)
  idle.order(0, 4)
  expect(idle.message(LEASE_IDLE_MS)!.orders).toMatchObject([{ target: '0' }])
  expect(idle.take(LEASE_IDLE_MS + 1)).toBe('short')
  const away = open(10, 0)
  away.order(0, 4)
  expect(away.message(LEASE_IDLE_MS, true)).toBeNull()
  expect(isIn(away.take(LEASE_IDLE_MS + 1))).toBe(true)
})

test('what somebody waits for is ordered before what is given back, however much that is', () => {
  const { ours, need } = open(10, 0)
  const terms = termsOf('runaway', {
    scope: {},
    unit: 'model_calls',
    limit: '200',
    window: 'session',
    mode: 'hard',
  })
  const counterOf = (no: number) => {
    const key = { budgetId: 'runaway', counting: 1, subject: `["s${no}"]`, windowStart: '-infinity' }
    return new Counter(counterName(key), key, terms, 200n * SCALED_ONE)
  }
  /** Everything that is ordered is granted. */
  const exchange = (now: number) => {
    const { orders } = ours.message(now)!
    const grants = orders.map(({ counter, target }) => {
      return { counter, leaseId: `of ${counter.subject}`, amount: target, msValid: LEASE_MS }
    })
    ours.answered({ ends: [], grants, standings: [] }, now)
    return orders
  }
  const idle = Array.from({ length: TOLD_AT_ONCE_MAX + 1 }, (_, no) => counterOf(no))
  ours.want({ counters: idle, need }, 0)
  expect(exchange(0)).toHaveLength(TOLD_AT_ONCE_MAX)
  for (const { key } of idle.filter(({ lease }) => lease === null)) {
    expect(exchange(1).map(({ counter }) => counter)).toContain(key)
  }
  expect(idle.every(({ lease }) => lease !== null)).toBe(true)
  const late = counterOf(-1)
  ours.want({ counters: [late], need }, LEASE_IDLE_MS)
  expect(exchange(LEASE_IDLE_MS)).toHaveLength(TOLD_AT_ONCE_MAX)
  expect(late.freeAt(LEASE_IDLE_MS)).toBe(SCALED_ONE)
})

test('an order that comes again is granted no more than it asked for', () => {
  const world = open(10, 0)
  const ask = (target: string, need: string) => ({
    counter: KEY,
    leaseId: null,
    target,
    need,
    least: '1',
  })
  const send = (sidecarId: string, seq: number, target: string, need: string, ms: number) =>
    world.takenIn({ sidecarId, seq, holds: [], ends: [], orders: [ask(target, need)] }, ms).grants[0]!.amount
  expect(send('other', 1, '6', '6', 0)).toBe('6')
  expect(send('s', 1, '7', '7', 1)).toBe('4')
  send('other', 2, '0', '0', 2)
  expect(send('s', 1, '7', '7', 3), 'less than the 10 there are').toBe('7')
  expect(send('s', 1, '7', '7', 4)).toBe('7')
  expect(world.leased()).toBe(7)
})

test('a hold out of a lease that was lost takes nothing of the one that came after', () => {
  const world = open(10, 0)
  const ask = { counter: KEY, leaseId: null, target: '3', need: '3', least: '1' }
  const send = (seq: number, orders: (typeof ask)[], leaseId: string | null, ms: number) => {
    const takes = [{ counter: KEY, leaseId, amount: '2' }]
    const hold = {
      holdId: `of ${leaseId}`,
      spender: NOBODY,
      model: null,
      heldBy: 'price' as const,
      card: NO_RATES,
    }
    const holds = leaseId === null ? [] : [{ ...hold, takes, msLeft: HOUR, end: null }]
    return world.takenIn({ sidecarId: 's', seq, holds, ends: [], orders }, ms).grants[0]?.leaseId ?? null
  }
  const lost = send(1, [ask], null, 0)
  endOverdue(world.centre, LEASE_MS + LEASE_GRACE_MS)
  const later = LEASE_MS + LEASE_GRACE_MS + 1
  const held = send(2, [ask], null, later)
  expect(held).not.toBe(lost)
  send(3, [], lost, later)
  expect([...world.centre.leases.values()].map(({ amount }) => amount)).toEqual([3n * SCALED_ONE])
  expect([...world.centre.holds.values()].map(({ takes }) => takes[0]!.held)).toEqual([0n])
})

test('an end that came while its hold was refused with others is told with it, and one thing at a time', () => {
  const ours = new HoldBook('s')
  const need = {
    amounts: amountsOf(NO_RATES, { inputTokens: 0n, outputTokens: 0n, toolCalls: 0n }),
    isComplete: true,
  }
  for (const holdId of ['a', 'b'])
    ours.take(
      { holdId, spender: NOBODY, model: null, card: NO_RATES, need, counters: [], expiresAt: TTL },
      false,
      0,
    )
  const told = () => {
    const { holds, ends } = ours.message(0)!
    return [holds.map(({ holdId, end }) => [holdId, end?.holdId]), ends.map(({ holdId }) => holdId)]
  }
  const answered = () => ours.answered({ ends: [], grants: [], standings: [] }, 0)
  ours.message(0)
  ours.end({ holdId: 'b', actual: null })
  ours.end({ holdId: 'other', actual: null })
  expect(ours.tellLess()).toBe(true)
  expect(told()).toEqual([[['a', undefined]], []])
  expect(ours.tellLess()).toBe(false)
  answered()
  expect(told()).toEqual([[['b', 'b']], ['other']])
  answered()
  expect(ours.message(0)).toBeNull()
})

test('what was recalled of a lease is room all the while, also where the centre still tells that it is out', () => {
  const world = open(4, 0)
  world.order(0, 4)
  const standing = (version: number) => ({
    ...{ counter: KEY, version, used: '0', usedCogs: null, limit: '4' },
    leased: String(world.leased()),
  })
  world.counter.learn(standing(1), 0)
  expect(world.counter.roomAt(0)).toBe(4n * SCALED_ONE)
  world.ours.recall(['calls'])
  expect(world.counter.roomAt(0)).toBe(4n * SCALED_ONE)
  world.counter.learn(standing(2), 0)
  expect(world.counter.roomAt(0), 'told of once more before it is back').toBe(4n * SCALED_ONE)
  expect(world.take(0), 'and nobody may take of it').toBe('short')
  world.answered(world.takenIn(world.message(0)!, 0), 0)
  world.counter.learn(standing(3), 0)
  expect([world.leased(), world.counter.roomAt(0)]).toEqual([0, 4n * SCALED_ONE])
})
