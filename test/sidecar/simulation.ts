import type { Actual, CounterStanding, Exchange, ExchangeReply } from '../../core/lease.ts'
import { amountsOf, NO_RATES } from '../../core/rate-card.ts'
import { SCALED_ONE, scaledText } from '../../core/scaled.ts'
import { endBySpan } from '../../schema/budgets/book-holds.ts'
import { LEASE_MS } from '../../schema/budgets/grant-lease.ts'
import { type BookCounter, counterName, type LeaseBook } from '../../schema/budgets/lease-book.ts'
import { endOverdue, takeIn } from '../../schema/budgets/take-in.ts'
import { decide } from '../../sidecar/deciding/decide.ts'
import { HoldBook } from '../../sidecar/leases/hold-book.ts'
import { Counter } from '../../sidecar/view/counter.ts'
import { Agenda, dice } from './agenda.ts'
import {
  amissAtCentre,
  amissAtSidecar,
  amissOfEnds,
  amissOfGrants,
  amissOfRecall,
  type Call,
  KEYS,
  namedIn,
  type Schedule,
  type Sidecar,
  sumOfLeases,
  termsIn,
} from './simulation-checks.ts'
import { ASKING, askFirst, heardFirst, NOBODYS } from './simulation-first.ts'
import { Limits } from './simulation-limits.ts'
import { type CallWorld, playCall, playWork } from './simulation-work.ts'

/** What went wrong, if anything, and how much happened. */
export interface Outcome {
  readonly faults: readonly string[]
  readonly admitted: number
  readonly denied: number
  readonly leasedInTheEnd: string
}

const TTL_MS = 20_000
const RETRY_MS = 400
const TICK_MS = 1_500
/** After everything that can happen, leases and holds run out. */
const QUIET_MS = 300_000
/** So long before the end somebody asks for all that is left. */
const LAST_MS = 100_000
const ignore = (_: unknown) => {}
const TRIES_MAX = 8
/** In a calm network what was recalled is back after this. */
const RECALLED_MS = 1_000

/**
 * Plays a schedule: sidecars that hold in memory and tell the centre, over a network that loses, doubles and delays,
 * with clocks that are hours apart and run at different speeds. After every step what is used, what admitted calls may
 * still use, and what sidecars may still let in, is compared with what is given out and with the limits. In the end, when
 * the network is well again, whoever asks for all that is left gets it, and not one more.
 */
export function play(schedule: Schedule): Outcome {
  const random = dice(schedule.seed)
  const rushMs = schedule.rush * 1_000
  const stormMs = rushMs + schedule.away * 1_000
  const endMs = stormMs + QUIET_MS
  const chance = (percent: number) => random() * 100 < percent
  /** Of what only happens as long as there is a storm. */
  const bad = (percent: number) => chance(percent) && now < stormMs
  const limits = new Limits(schedule)
  const keys = KEYS
  const used: [bigint, bigint] = [0n, 0n]
  let version = 0
  const counters = new Map(
    keys.map((key, i) => {
      const counter: BookCounter = {
        name: counterName(key),
        key,
        get limit() {
          return limits.now[i]!
        },
        isWhole: true,
        get used() {
          return used[i]!
        },
        usedCogs: null,
        leased: 0n,
      }
      return [counter.name, counter]
    }),
  )
  const book: LeaseBook = { counters, leases: new Map(), holds: new Map() }
  const calls = new Set<Call>()
  /** Holds whose spans were counted. */
  const spanned = new Set<string>()
  const faults: string[] = []
  let [admitted, denied, leaseNo, holdNo] = [0, 0, 0, 0]

  const agenda = new Agenda()
  let now = 0
  const after = (ms: number, run: () => void) => agenda.add(now + ms, run)

  function centre(told: Exchange): ExchangeReply & { editions: readonly number[] } {
    version += 1
    const before = [...counters.keys()].map((name) => sumOfLeases(book, name))
    const { ends, leases } = takeIn(book, namedIn(told), () => `lease${leaseNo++}`, now)
    faults.push(...amissOfEnds(book, told.ends, now))
    for (const [i, { name, leased, limit }] of [...counters.values()].entries()) {
      // A span that was here before its hold counts twice, until the hold is told: then there is less room, never more.
      const isGranted = sumOfLeases(book, name) > before[i]!
      if (isGranted && (limit === null || used[i]! + leased > limit))
        faults.push(`${name} at ${now} ms: more is granted than there is`)
    }
    const grants = told.orders.map(({ counter }, i) => ({
      counter,
      leaseId: leases[i]?.leaseId ?? null,
      amount: scaledText(leases[i]?.amount ?? 0n),
      msValid: LEASE_MS,
    }))
    return { ends, grants, standings: standings(), editions: [...limits.editions] }
  }

  function standings(): CounterStanding[] {
    return [...counters.values()].map(({ key, used: so, leased, limit }) => ({
      counter: key,
      version,
      used: scaledText(so),
      usedCogs: null,
      leased: scaledText(leased),
      limit: limit === null ? null : scaledText(limit),
    }))
  }

  function fresh(
    life: number,
  ): Pick<Sidecar, 'book' | 'counters' | 'heard' | 'isEnded' | 'taken' | 'waiting' | 'served'> {
    return {
      book: new HoldBook(`sidecar${life}`),
      counters: keys.map(
        (key, i) => new Counter(counterName(key), key, termsIn(i, limits.now[i]!), limits.now[i]!),
      ),
      heard: [0, 0],
      isEnded: [false, false],
      taken: [],
      waiting: [],
      served: [],
    }
  }

  const sidecars = Array.from({ length: schedule.sidecars }, (_, no): Sidecar => {
    const offset = (random() - 0.5) * 7_200_000
    const cutOffFrom = chance(schedule.cutOff) ? random() * rushMs : Number.POSITIVE_INFINITY
    const speed = 1 + ((random() - 0.5) * 2 * schedule.drift) / 1_000
    return {
      ...fresh(no),
      clock: (trueMs) => offset + trueMs * speed,
      cutOffFrom,
      cutOffTo: cutOffFrom + random() * schedule.away * 1_000,
      isDead: false,
      isSending: false,
      failures: 0,
      life: no,
    }
  })
  const isCutOff = ({ cutOffFrom, cutOffTo }: Sidecar) => now >= cutOffFrom && now < cutOffTo
  function changed(): void {
    version += 1
  }
  const delay = () => (bad(schedule.late) ? random() * 60_000 : 1 + random() * 30)

  const net = { now: () => now, send, isCutOff, random, chance, bad, after, delay }
  const world = { ...net, sidecars, faults, book, schedule, changed }

  /** One message at a time; again until it is answered. */
  function send(sidecar: Sidecar): void {
    if (sidecar.isSending || sidecar.isDead) return
    const { life, book: sent } = sidecar
    const sentAt = sidecar.clock(now)
    if (!sent.isUnderWay) sidecar.served.push(...sidecar.waiting.splice(0))
    const message = sent.message(sentAt, { isAway: sidecar.failures > 0 })
    if (!message) return
    sidecar.isSending = true
    let isAnswered = false
    const again = () => {
      if (isAnswered || sidecar.life !== life) return
      sidecar.isSending = false
      sidecar.failures += 1
      send(sidecar)
    }
    after(RETRY_MS, again)
    const deliver = () => {
      const reply = centre(message)
      if (bad(schedule.lost)) return
      after(delay(), () => {
        if (isAnswered || sidecar.life !== life || sidecar.isDead || isCutOff(sidecar)) return
        // The answer to an older sending of the same message is as good.
        if (!sent.isUnderWay || sent.underWaySeq !== message.seq) return
        isAnswered = true
        sidecar.isSending = false
        sidecar.failures = 0
        sent.answered(reply, sentAt)
        faults.push(...amissOfGrants(sidecar, reply.editions, now))
        for (const run of sidecar.served.splice(0)) run()
        if (sent.isWaiting || sidecar.waiting.length > 0) after(1, () => send(sidecar))
      })
    }
    if (isCutOff(sidecar)) return
    if (!bad(schedule.lost)) after(delay(), deliver)
    if (bad(schedule.doubled)) after(delay() + random() * 2_000, () => void centre(message))
  }

  function request(
    sidecar: Sidecar,
    tries: number,
    tokens: bigint,
    holdId: string,
    onLast = ignore,
    modelCalls = 1n,
  ): void {
    if (sidecar.isDead) return
    const at = sidecar.clock(now)
    const amounts = amountsOf(NO_RATES, { inputTokens: tokens, outputTokens: 0n, toolCalls: 0n, modelCalls })
    const isWork = modelCalls > 1n
    const need = { amounts, isComplete: true }
    const counters = sidecar.counters.filter((_, i) => !sidecar.isEnded[i])
    const { verdict } = decide({ ...ASKING, counters, need }, at)
    const order = { ...NOBODYS, holdId, isWork, need, counters, expiresAt: at + TTL_MS }
    const run = (held: { holdId: string }) => (isWork ? admitWork : admit)(sidecar, held, tokens, modelCalls)
    const again = () => request(sidecar, tries + 1, tokens, holdId, onLast, modelCalls)
    if (verdict === 'allow' && tries === 0 && schedule.first && chance(schedule.first)) {
      askFirst(world, sidecar, order, (isTaken) => {
        if (isTaken === false) return again()
        if (isTaken) run(order)
        else denied += 1
        onLast(isTaken === true)
      })
      return
    }
    const hold = verdict === 'allow' ? sidecar.book.take(order, false, at) : null
    if (hold === null || (typeof hold === 'string' && tries >= TRIES_MAX)) {
      denied += 1
      onLast(false)
      return
    }
    if (hold === 'short' || hold === 'full') {
      sidecar.book.want({ counters, need }, at)
      send(sidecar)
      after(60 + random() * 60, again)
      return
    }
    sidecar.taken.push(holdId)
    const until = sidecar.book.coveredUntil(hold)
    if (until < hold.expiresAt) heardFirst(world.now, sidecar, hold, until, () => run(hold))
    else run(hold)
    onLast(true)
    send(sidecar)
  }

  function admit(sidecar: Sidecar, { holdId }: { holdId: string }, tokens: bigint): void {
    admitted += 1
    const call: Call = { holdId, tokens, may: [SCALED_ONE, tokens * SCALED_ONE] }
    calls.add(call)
    const world: CallWorld = {
      random,
      chance,
      after,
      count(actual) {
        used[0] += SCALED_ONE
        used[1] += actual * SCALED_ONE
        version += 1
        const told = { input_tokens: `${actual}`, output_tokens: '0', model_calls: '1' }
        endBySpan(book, call.holdId, told, now)
        calls.delete(call)
        spanned.add(call.holdId)
      },
      over: () => void calls.delete(call),
      end(actual) {
        if (sidecar.isDead) return false
        sidecar.book.end({ holdId: call.holdId, actual })
        send(sidecar)
        return true
      },
    }
    playCall(world, call, schedule, TTL_MS)
  }

  function admitWork(
    sidecar: Sidecar,
    { holdId }: { holdId: string },
    tokens: bigint,
    modelCalls: bigint,
  ): void {
    admitted += 1
    const call: Call = { holdId, tokens, may: [modelCalls * SCALED_ONE, tokens * SCALED_ONE] }
    calls.add(call)
    const ttlMs = TTL_MS / (1 + ((random() - 0.5) * 2 * schedule.drift) / 1_000)
    after(ttlMs, () => void calls.delete(call))
    const count = (part: bigint, told: Actual) => {
      used[0] += SCALED_ONE
      used[1] += part * SCALED_ONE
      version += 1
      endBySpan(book, holdId, told, now)
    }
    const end = (actual: Actual) => {
      if (sidecar.isDead) return
      sidecar.book.end({ holdId, actual })
      send(sidecar)
    }
    playWork({ random, after, count, end: chance(schedule.silent) ? ignore : end }, call, modelCalls, ttlMs)
  }

  const compare = () => {
    for (const [i, counter] of [...counters.values()].entries()) {
      let most = counter.used
      for (const { may } of calls) most += may[i]!
      faults.push(...limits.amiss(i, most, counter.used + counter.leased, now))
    }
    faults.push(...amissAtCentre(book, calls, sidecars, spanned, now))
  }

  /** Who asks for one more than is left is denied; who asks for all of it gets it, if nothing has leaked anywhere. */
  function askForAll(): void {
    const sidecar = sidecars.find(({ isDead }) => !isDead)
    const [callsMax, tokensMax] = limits.now
    if (callsMax == null || tokensMax == null || sidecar === undefined) return
    const tokens = (tokensMax - used[1]) / SCALED_ONE
    if (tokens <= 0n || callsMax - used[0] < SCALED_ONE) return
    request(sidecar, 0, tokens + 1n, 'too much', (isIn) => {
      if (isIn) faults.push('more was let in than was left')
      after(1_000, () => {
        request(sidecar, 0, tokens, 'all', (isAll) => {
          if (!isAll) faults.push(`${tokens} tokens were left and nobody got them`)
        })
      })
    })
  }

  for (let no = 0; no < schedule.clients; no++) {
    const sidecar = sidecars[Math.floor(random() * sidecars.length)]!
    const tokens = BigInt(1 + Math.floor(random() * 100))
    const modelCalls = chance(schedule.work) ? BigInt(2 + Math.floor(random() * 3)) : 1n
    after(random() * rushMs, () => request(sidecar, 0, tokens, `hold${holdNo++}`, ignore, modelCalls))
  }
  const change = () => {
    const no = limits.change(world)
    if (no === null || !schedule.calm) return
    const edition = limits.editions[no]
    after(RECALLED_MS, () => {
      if (limits.editions[no] === edition) faults.push(...amissOfRecall(book, sidecars, used, no, now))
    })
  }
  for (let no = 0; no < schedule.changes; no++) after(random() * rushMs, change)
  for (const sidecar of sidecars) {
    if (chance(schedule.killed)) {
      after(random() * rushMs, () => {
        sidecar.isDead = true
        sidecar.life = -1
      })
    }
    const tick = () => {
      send(sidecar)
      faults.push(...amissAtSidecar(sidecar, now))
      if (now < endMs) after(now < stormMs ? TICK_MS : 2 * TICK_MS, tick)
    }
    after(random() * TICK_MS, tick)
    // News arrives in its own time, in any order.
    const news = () => {
      const told = { standings: standings(), editions: [...limits.editions], asOf: sidecar.clock(now) }
      after(delay(), () => limits.hear(world, sidecar, told))
      if (now < endMs) after(now < rushMs ? 500 : 5_000, news)
    }
    after(random() * 500, news)
  }
  const sweep = () => {
    endOverdue(book, now)
    changed()
    if (now < endMs) after(now < stormMs ? 1_000 : 5_000, sweep)
  }
  after(500, sweep)
  after(endMs - LAST_MS, askForAll)

  for (let next = agenda.next(); next !== null && faults.length === 0; next = agenda.next()) {
    now = next.at
    next.run()
    compare()
  }
  const leased = [...counters.values()].reduce((sum, counter) => sum + counter.leased, 0n)
  if (faults.length === 0 && leased !== 0n) faults.push(`${scaledText(leased)} is leased in the end`)
  for (const { isDead, book: left } of sidecars) {
    if (!isDead && faults.length === 0 && (left.untold > 0 || left.hasLeases))
      faults.push('a sidecar holds on to something')
  }
  return { faults, admitted, denied, leasedInTheEnd: scaledText(leased) }
}
