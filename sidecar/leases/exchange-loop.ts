import type { Source } from '../../core/decision.ts'
import { AforoError, asAforoError, type ErrorCode } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { CounterStanding, ExchangeReply, HoldEnd, HoldEnded } from '../../core/lease.ts'
import type { Log } from '../../core/log.ts'
import { BoundedMap } from '../bounded-map.ts'
import type { Centre } from '../centre/centre.ts'
import type { CheckMetrics } from '../metrics.ts'
import { type HoldBook, UNTOLD_HOLDS_MAX } from './hold-book.ts'
import { OutageLog } from './outage-log.ts'

/** Holds of ours by the key of a caller, that we know to be real while nobody can be asked. */
const OWN_HOLDS_MAX = 100_000
/**
 * Messages that nobody waits for leave so far apart: each costs a transaction at the centre, and one that carries many
 * holds hardly more than one that carries few.
 */
export const MESSAGES_APART_MS = 5
/** Pause after a message that failed; it doubles. */
const BACKOFF_MS = 50
const BACKOFF_MS_MAX = 2_000
/** An end that nobody answered in this time is answered as taken, or not. */
const END_MS_MAX = 2_000
/** On leaving, the centre is tried for so long. */
const LEAVE_MS_MAX = 3_000

interface ExchangeLoopParts {
  readonly centre: Centre
  readonly clock: () => number
  readonly log: Log
  readonly metrics: CheckMetrics
  /** Whether a hold's id is one that we gave, by its number. */
  readonly isNumbered: (holdId: string) => boolean
  /** How counters stand that a message was about. */
  readonly onStandings: (standings: readonly CounterStanding[], at: number) => void
}

/** Faults that lie in what a message tells: another one may get through. */
const OF_THE_MESSAGE: ReadonlySet<ErrorCode> = new Set(['internal', 'invalid_argument', 'body_too_large'])

type Ended = ExchangeReply['ends'][number]

/**
 * Carries the messages of a hold book to the centre, one at a time: the next one leaves as soon as there is something
 * to tell, the one before was answered, and either somebody waits for a lease or that was a few milliseconds ago. So many
 * holds share one under load, and none waits without.
 */
export class ExchangeLoop {
  readonly #book: HoldBook
  readonly #parts: ExchangeLoopParts
  readonly #tenantId: TenantId
  readonly #outage: OutageLog
  readonly #own = new BoundedMap<string, true>(OWN_HOLDS_MAX)
  readonly #ends = new Map<string, ((ended: Ended | 'away') => void)[]>()
  #waiting: ((isAnswered: boolean) => void)[] = []
  #served: ((isAnswered: boolean) => void)[] = []
  #running: Promise<void> | null = null
  #failures = 0
  /** The last failure lay in what was told. */
  #isRefused = false
  #retryAt = 0
  #sentAt = Number.NEGATIVE_INFINITY
  #later: NodeJS.Timeout | null = null

  constructor(book: HoldBook, parts: ExchangeLoopParts, tenantId: TenantId) {
    this.#book = book
    this.#parts = parts
    this.#tenantId = tenantId
    this.#outage = new OutageLog(parts.log, tenantId)
  }

  /** A hold of ours without a number: it can be ended while the centre is away. */
  remember(holdId: string): void {
    this.#own.set(holdId, true)
  }

  /** True once a message was answered that left after this call; false when the centre is away. */
  nextAnswer(): Promise<boolean> {
    const answer = new Promise<boolean>((resolve) => this.#waiting.push(resolve))
    this.kick()
    return answer
  }

  /**
   * Ends a hold, and says how it ended. While the centre is away, an end of a hold of ours is kept and told later.
   * @returns null where there is no such hold
   * @throws AforoError `unavailable` where that cannot be known
   */
  async end(end: HoldEnd): Promise<(HoldEnded & { source: Source }) | null> {
    if (this.#book.untold >= UNTOLD_HOLDS_MAX) {
      throw new AforoError('unavailable', 'too much is waiting to be told to the centre')
    }
    this.#book.end(end)
    const ended = await this.#endOf(end.holdId)
    if (ended !== 'away') {
      if (ended.state === null) return null
      const { holdId, state, late, over } = ended
      for (const unit of over) this.#parts.metrics.over.inc({ unit })
      this.#parts.metrics.held(late ? 'late' : state)
      return { holdId, state, late, over, source: 'live' }
    }
    if (!this.#parts.isNumbered(end.holdId) && !this.#own.get(end.holdId))
      throw new AforoError('unavailable', 'the centre is away: the hold is not known')
    const state = end.actual === null ? 'released' : 'settled'
    return { holdId: end.holdId, state, late: false, over: [], source: 'last_known' }
  }

  /** Sends what there is to tell, soon. */
  kick(): void {
    // A message leaves soon, and nobody waits for it to leave sooner.
    if (this.#later !== null && this.#waiting.length === 0 && this.#failures === 0) return
    if (this.#running || this.#parts.clock() < this.#retryAt) {
      // A centre that only refused what one message told is there after the pause.
      if (this.#failures > 0 && !this.#isRefused) this.#giveUp()
      return
    }
    const wait = this.#waiting.length > 0 ? 0 : this.#sentAt + MESSAGES_APART_MS - this.#parts.clock()
    if (wait > 0) {
      this.#later ??= setTimeout(() => {
        this.#later = null
        this.kick()
      }, wait)
      return
    }
    this.#running = new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => this.#run(false))
      .finally(() => {
        this.#running = null
        // What came while the last answer was taken in.
        if (this.#failures === 0 && this.#book.isWaiting) this.kick()
      })
  }

  tick(): void {
    if (!this.#running && this.#parts.clock() >= this.#retryAt) this.kick()
  }

  async leave(): Promise<void> {
    if (this.#later) clearTimeout(this.#later)
    await this.#running
    const deadline = this.#parts.clock() + LEAVE_MS_MAX
    await Promise.race([this.#run(true), new Promise((resolve) => setTimeout(resolve, LEAVE_MS_MAX).unref())])
    if (this.#parts.clock() > deadline)
      this.#parts.log.warn({ untold: this.#book.untold }, 'left without being heard')
  }

  async #run(isLeaving: boolean): Promise<void> {
    for (;;) {
      if (!this.#book.isUnderWay) {
        this.#served.push(...this.#waiting)
        this.#waiting = []
      }
      const sentAt = this.#parts.clock()
      const message = this.#book.message(sentAt, { isLeaving, isAway: this.#failures > 0 })
      if (!message) break
      this.#sentAt = sentAt
      try {
        const stop = this.#parts.metrics.exchangeSeconds.startTimer()
        const reply = await this.#parts.centre.exchange(this.#tenantId, message)
        stop()
        this.#parts.metrics.exchanges.inc({ outcome: 'answered' })
        this.#failures = 0
        this.#book.answered(reply, sentAt)
        this.#parts.onStandings(reply.standings, sentAt)
        for (const ended of reply.ends) this.#tellEnd(ended.holdId, ended)
        this.#tell(true)
        this.#outage.answered(this.#book.untold, this.#parts.clock())
      } catch (error) {
        this.#parts.metrics.exchanges.inc({ outcome: 'failed' })
        const { code, retryable } = asAforoError(error)
        if (OF_THE_MESSAGE.has(code) && this.#book.tellLess()) continue
        this.#failures += 1
        this.#isRefused = !retryable
        const pause = Math.min(BACKOFF_MS * 2 ** (this.#failures - 1), BACKOFF_MS_MAX)
        this.#retryAt = this.#parts.clock() + pause
        this.#outage.failed(error, this.#book.untold, this.#parts.clock())
        if (!retryable) this.#book.dropped()
        this.#giveUp()
        return
      }
      if (!isLeaving && this.#waiting.length === 0) break
      // Who was just granted a lease takes of it first: the next message would give back what nobody has taken of.
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#tell(true)
  }

  /** Nobody waits for a centre that is away; what is to be told is told when it is back. */
  #giveUp(): void {
    this.#served.push(...this.#waiting)
    this.#waiting = []
    this.#tell(false)
    const waiting = [...this.#ends.values()].flat()
    this.#ends.clear()
    for (const resolve of waiting) resolve('away')
  }

  #tell(isAnswered: boolean): void {
    const served = this.#served
    this.#served = []
    for (const resolve of served) resolve(isAnswered)
  }

  #endOf(holdId: string): Promise<Ended | 'away'> {
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve('away'), END_MS_MAX)
      const done = (ended: Ended | 'away') => {
        clearTimeout(late)
        resolve(ended)
      }
      const others = this.#ends.get(holdId)
      if (others) others.push(done)
      else this.#ends.set(holdId, [done])
      this.kick()
    })
  }

  #tellEnd(holdId: string, ended: Ended): void {
    const waiting = this.#ends.get(holdId) ?? []
    this.#ends.delete(holdId)
    for (const resolve of waiting) resolve(ended)
  }
}
