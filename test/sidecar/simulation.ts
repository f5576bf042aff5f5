import type { Spender } from '../../core/budget.ts'
import type { CounterStanding, Exchange, ExchangeReply } from '../../core/lease.ts'
import { amountsOf, NO_RATES } from '../../core/rate-card.ts'
import { SCALED_ONE, scaled, scaledText } from '../../core/scaled.ts'
import {
  type BookCounter,
  counterName,
  endBySpan,
  endOverdue,
  LEASE_MS,
  type LeaseBook,
  takeIn,
} from '../../schema/budgets/lease-book.ts'
import { Counter } from '../../sidecar/counter.ts'
import { decide } from '../../sidecar/decide.ts'
import { HoldBook, type OpenHold } from '../../sidecar/hold-book.ts'
import { termsOf } from '../../sidecar/terms.ts'
import { Agenda, dice } from './agenda.ts'

/** A schedule: everything that happens in it follows from these numbers. */
export interface Schedule {
  readonly seed: number
  readonly sidecars: number
  readonly clients: number
  /** Of each budget, in calls and in tokens. */
  readonly calls: number
  readonly tokens: number
  /** Percent of messages lost, doubled, and very late; of sidecars cut off or killed; of clients that end without a word. */
  readonly lost: number
  readonly doubled: number
  readonly late: number
  readonly cutOff: number
  readonly killed: number
  readonly silent: number
  /** Seconds in which all clients come, and for which a sidecar is cut off at most. */
  readonly rush: number
  readonly away: number
  /** By how many thousandths clocks run fast or slow. */
  readonly drift: number
}

/** What went wrong, if anything, and how much happened. */
export interface Outcome {
  readonly faults: readonly string[]
  readonly admitted: number
  readonly denied: number
  readonly leasedInTheEnd: string
}

const NOBODY: Spender = { customer: 'acme', product: null, agent: null, session: null, trace: null }
const TTL_MS = 20_000
const RETRY_MS = 400
const TICK_MS = 1_500
/** After everything that can happen, leases and holds run out. */
const QUIET_MS = 300_000
const TRIES_MAX = 8

interface Sidecar {
  book: HoldBook
  counters: Counter[]
  readonly clock: (trueMs: number) => number
  readonly cutOffFrom: number
  readonly cutOffTo: number
  isDead: boolean
  isSending: boolean
  life: number
}

/** A call that was let in, until it is over and its usage is counted. */
interface Call {
  readonly holdId: string
  readonly tokens: bigint
  /** What it may still come to: calls and tokens. */
  may: readonly [calls: bigint, tokens: bigint]
}

/**
 * Plays a schedule: sidecars that hold in memory and tell the centre, over a network that loses, doubles and delays,
 * with clocks that are hours apart and run at different speeds. After every step what is used and what admitted calls
 * may still use is compared with the limits.
 */
export function play(schedule: Schedule): Outcome {
  const random = dice(schedule.seed)
  const rushMs = schedule.rush * 1_000
  const endMs = rushMs + schedule.away * 1_000 + QUIET_MS
  const chance = (percent: number) => random() * 100 < percent
  const limits = [BigInt(schedule.calls) * SCALED_ONE, BigInt(schedule.tokens) * SCALED_ONE] as const
  const keys = ['calls', 'tokens'].map((budgetId) => ({
    budgetId,
    counting: 1,
    subject: '[]',
    windowStart: '-infinity',
  }))
  const units = ['model_calls', 'tokens'] as const
  const used: [bigint, bigint] = [0n, 0n]
  let version = 0
  const counters = new Map(
    keys.map((key, i) => {
      const counter: BookCounter = {
        name: counterName(key),
        key,
        limit: limits[i]!,
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
  const faults: string[] = []
  let [admitted, denied, leaseNo, holdNo] = [0, 0, 0, 0]

  const agenda = new Agenda()
  let now = 0
  const after = (ms: number, run: () => void) => agenda.add(now + ms, run)

  function centre(told: Exchange): ExchangeReply {
    version += 1
    const named = {
      ...told,
      holds: told.holds.map((hold) => ({
        holdId: hold.holdId,
        takes: hold.takes.map(({ counter, leaseId, amount }) => ({
          counter: counterName(counter),
          unit: units[keys.findIndex(({ budgetId }) => budgetId === counter.budgetId)]!,
          leaseId,
          amount: scaled(amount),
        })),
        card: hold.card,
        msLeft: hold.msLeft,
        end: hold.end,
      })),
      orders: told.orders.map((order) => ({ ...order, name: counterName(order.counter) })),
    }
    const before = [...counters.values()].map(({ leased }) => leased)
    const { ends, leases } = takeIn(book, named, () => `lease${leaseNo++}`, now)
    for (const [i, { name, leased, limit }] of [...counters.values()].entries()) {
      // A span that was here before its hold counts twice, until the hold is told: then there is less room, never more.
      const isGranted = leased > before[i]!
      if (isGranted && used[i]! + leased > limit!)
        faults.push(`${name} at ${now} ms: more is granted than there is`)
    }
    const grants = told.orders.map(({ counter }, i) => ({
      counter,
      leaseId: leases[i]?.leaseId ?? null,
      amount: scaledText(leases[i]?.amount ?? 0n),
      msValid: LEASE_MS,
    }))
    return { ends, grants, standings: standings() }
  }

  function standings(): CounterStanding[] {
    return [...counters.values()].map(({ key, leased }, i) => ({
      counter: key,
      version,
      used: scaledText(used[i]!),
      usedCogs: null,
      leased: scaledText(leased),
      limit: scaledText(limits[i]!),
    }))
  }

  function fresh(life: number): Pick<Sidecar, 'book' | 'counters'> {
    const terms = units.map((unit, i) =>
      termsOf(keys[i]!.budgetId, {
        scope: {},
        unit,
        limit: scaledText(limits[i]!),
        window: 'lifetime',
        mode: 'hard',
      }),
    )
    return {
      book: new HoldBook(`sidecar${life}`),
      counters: keys.map((key, i) => new Counter(counterName(key), key, terms[i]!, limits[i]!)),
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
      life: no,
    }
  })
  const isCutOff = ({ cutOffFrom, cutOffTo }: Sidecar) => now >= cutOffFrom && now < cutOffTo
  const delay = () => (chance(schedule.late) ? random() * 60_000 : 1 + random() * 30)

  /** One message at a time; again until it is answered. */
  function send(sidecar: Sidecar): void {
    if (sidecar.isSending || sidecar.isDead) return
    const { life, book: sent } = sidecar
    const sentAt = sidecar.clock(now)
    const message = sent.message(sentAt)
    if (!message) return
    sidecar.isSending = true
    let isAnswered = false
    const again = () => {
      if (isAnswered || sidecar.life !== life) return
      sidecar.isSending = false
      send(sidecar)
    }
    after(RETRY_MS, again)
    const deliver = () => {
      const reply = centre(message)
      if (chance(schedule.lost)) return
      after(delay(), () => {
        if (isAnswered || sidecar.life !== life || sidecar.isDead || isCutOff(sidecar)) return
        // The answer to an older sending of the same message is as good.
        if (!sent.isUnderWay || sent.underWaySeq !== message.seq) return
        isAnswered = true
        sidecar.isSending = false
        sent.answered(reply, sentAt)
        if (sent.isWaiting) after(1, () => send(sidecar))
      })
    }
    if (isCutOff(sidecar)) return
    if (!chance(schedule.lost)) after(delay(), deliver)
    if (chance(schedule.doubled)) after(delay() + random() * 2_000, () => void centre(message))
  }

  function request(sidecar: Sidecar, tries: number, tokens: bigint, holdId: string): void {
    if (sidecar.isDead) return
    const at = sidecar.clock(now)
    const amounts = amountsOf(NO_RATES, { inputTokens: tokens, outputTokens: 0n, toolCalls: 0n })
    const need = { amounts, isComplete: true }
    const question = {
      counters: sidecar.counters,
      isKnown: true,
      isKilled: false,
      need,
      wantsHold: true,
      isAway: false,
    }
    const { verdict } = decide(question, at)
    const order = { holdId, spender: NOBODY, model: null, card: NO_RATES, need, expiresAt: at + TTL_MS }
    const hold =
      verdict === 'allow' ? sidecar.book.take({ ...order, counters: sidecar.counters }, false, at) : null
    if (hold === null || tries >= TRIES_MAX) {
      denied += 1
      return
    }
    if (hold === 'short' || hold === 'full') {
      sidecar.book.want({ counters: sidecar.counters, need }, at)
      send(sidecar)
      after(60 + random() * 60, () => request(sidecar, tries + 1, tokens, holdId))
      return
    }
    if (!sidecar.book.isCovered(hold)) throw new Error('a hold outlasts its lease')
    admit(sidecar, hold, tokens)
    send(sidecar)
  }

  function admit(sidecar: Sidecar, hold: OpenHold, tokens: bigint): void {
    admitted += 1
    const call: Call = { holdId: hold.holdId, tokens, may: [SCALED_ONE, tokens * SCALED_ONE] }
    calls.add(call)
    const actual = BigInt(Math.floor(random() * (Number(tokens) + 1)))
    const lasts = random() * TTL_MS * 0.9
    const span = () => {
      used[0] += SCALED_ONE
      used[1] += actual * SCALED_ONE
      version += 1
      endBySpan(book, call.holdId, null, now)
      calls.delete(call)
    }
    if (chance(schedule.silent)) {
      // It is over with its hold at the latest; its span comes before that, or never.
      if (chance(50)) after(lasts, span)
      else after(TTL_MS * 0.98, () => void calls.delete(call))
      return
    }
    after(lasts, () => {
      call.may = [SCALED_ONE, actual * SCALED_ONE]
      const { life } = sidecar
      const end = { holdId: call.holdId, actual: { input_tokens: `${actual}`, output_tokens: '0' } }
      if (!sidecar.isDead && sidecar.life === life) {
        sidecar.book.end(end)
        send(sidecar)
        if (chance(30)) sidecar.book.end(end)
      }
      const left = TTL_MS * 0.98 - lasts
      after(random() * left, span)
    })
  }

  const compare = () => {
    for (const i of [0, 1] as const) {
      let most = used[i]
      for (const { may } of calls) most += may[i]
      if (most > limits[i])
        faults.push(`${keys[i]!.budgetId}: ${scaledText(most)} of ${scaledText(limits[i])} at ${now} ms`)
    }
    for (const counter of counters.values()) {
      let given = 0n
      for (const lease of book.leases.values()) if (lease.counter === counter.name) given += lease.amount
      for (const { takes } of book.holds.values()) {
        for (const take of takes) if (take.counter === counter.name) given += take.held
      }
      if (given !== counter.leased)
        faults.push(`${counter.name} at ${now} ms: ${given} given, ${counter.leased} leased`)
    }
  }

  for (let no = 0; no < schedule.clients; no++) {
    const sidecar = sidecars[Math.floor(random() * sidecars.length)]!
    const tokens = BigInt(1 + Math.floor(random() * 100))
    after(random() * rushMs, () => request(sidecar, 0, tokens, `hold${holdNo++}`))
  }
  for (const sidecar of sidecars) {
    if (chance(schedule.killed)) {
      after(random() * rushMs, () => {
        sidecar.isDead = true
        sidecar.life = -1
      })
    }
    const tick = () => {
      send(sidecar)
      if (now < endMs) after(TICK_MS, tick)
    }
    after(random() * TICK_MS, tick)
    // News arrives in its own time, in any order.
    const news = () => {
      const told = standings()
      const asOf = sidecar.clock(now)
      after(delay(), () => {
        for (const [i, standing] of told.entries()) {
          if (!sidecar.counters[i]!.isAsked) sidecar.counters[i]!.learn(standing, asOf)
        }
      })
      if (now < rushMs) after(500, news)
    }
    after(random() * 500, news)
  }
  const sweep = () => {
    endOverdue(book, now)
    version += 1
    if (now < endMs) after(1_000, sweep)
  }
  after(500, sweep)

  for (let next = agenda.next(); next !== null && faults.length === 0; next = agenda.next()) {
    now = next.at
    next.run()
    compare()
  }
  const leased = [...counters.values()].reduce((sum, counter) => sum + counter.leased, 0n)
  if (faults.length === 0 && leased !== 0n) faults.push(`${scaledText(leased)} is leased in the end`)
  return { faults, admitted, denied, leasedInTheEnd: scaledText(leased) }
}
