import { KILL_KINDS } from '../../core/decision.ts'
import { AforoError, asAforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { CounterStanding } from '../../core/lease.ts'
import { NO_RATES, type RateCard } from '../../core/rate-card.ts'
import type { SpenderFacts } from '../../schema/budgets/spenders.ts'
import { BoundedMap } from '../bounded-map.ts'
import type { Centre, Change, RateQuestion } from '../centre/centre.ts'
import type { CheckMetrics } from '../metrics.ts'
import type { Counter } from './counter.ts'
import { type Asker, type KnownSpender, killName, Memory } from './memory.ts'
import { RecentChanges } from './recent-changes.ts'

/** The centre is away when nothing was heard of it for so long. */
export const AWAY_MS = 2_000
/** It is asked all the same then, and nobody waits longer for the answer. */
export const AWAY_WAIT_MS = 50
/** Spenders asked for at once; whoever comes then is answered at once, and by what is known. */
export const READS_MAX = 4_096
/** Nobody waits longer for an answer, whatever becomes of it. */
export const READ_MS_MAX = 2_000
export const CARDS_MAX = 10_000
/** A rate card is asked for again after this, and used at most so long. */
const CARD_MS = 30_000
const CARD_MS_MAX = 600_000
/** For so long the centre may still tell what was so before our own word reached it. */
const OWN_WORD_MS = 2_000
const OWN_WORDS_MAX = 1_000

interface TenantViewParts {
  readonly centre: Centre
  readonly clock: () => number
  readonly metrics: CheckMetrics
}

type KillChange = Change & { readonly kind: 'kill' }

/**
 * What was changed by a message of the centre: everything, with the budgets that changed or null where nobody knows which;
 * somebody who was stopped or not; or counters.
 */
export type Changed =
  | { readonly all: readonly string[] | null }
  | { readonly kill: KillChange }
  | { readonly counters: ReadonlySet<Counter> }

/** What is known of one tenant, how long ago it was true, and how more comes to be known. */
export class TenantView {
  readonly memory = new Memory()
  readonly #parts: TenantViewParts
  readonly #tenantId: TenantId
  readonly #reading = new Map<string, Promise<KnownSpender>>()
  /** Cards read before are asked for again, and are all there is while nobody can be asked. */
  #cardsDoubtedAt = Number.NEGATIVE_INFINITY
  readonly #cards = new BoundedMap<string, { readonly card: RateCard; readonly readAt: number }>(CARDS_MAX)
  readonly #tell: (changed: Changed) => void
  readonly #unfollow: () => void
  /** Whom we stopped, or let go on, ourselves. */
  readonly #ownWords = new BoundedMap<string, { readonly isKilled: boolean; readonly at: number }>(
    OWN_WORDS_MAX,
  )
  /** Heard while something is being read. */
  readonly #recent = new RecentChanges()
  #heardAt: number
  #rereadAt = Number.NEGATIVE_INFINITY

  constructor(tenantId: TenantId, parts: TenantViewParts, tell: (changed: Changed) => void) {
    this.#tenantId = tenantId
    this.#parts = parts
    this.#tell = tell
    this.#heardAt = parts.clock()
    this.#unfollow = parts.centre.follow(tenantId, (change) =>
      this.#hear(this.#contradictsOwnWord(change) ? { kind: 'reread', budgets: [] } : change),
    )
  }

  get cards(): number {
    return this.#cards.size
  }

  /** Nothing was heard of the centre for too long. */
  isAway(now: number): boolean {
    return now - this.#heardAt >= AWAY_MS
  }

  /** How long ago all of it was true, in whole milliseconds. */
  age(now: number): number {
    return Math.max(Math.round(now - this.#heardAt), 0)
  }

  /**
   * A question was not answered. That we did not wait for an answer says nothing of the centre: under load it would seem
   * away for as long as anybody asks, however well it answers.
   */
  #missed(error: unknown): void {
    if (asAforoError(error).code !== 'unavailable') return
    this.#heardAt = Math.min(this.#heardAt, this.#parts.clock() - AWAY_MS)
  }

  stop(): void {
    this.#unfollow()
  }

  /** Asks the centre for a spender; all who ask at once share the answer. Rejects with `unavailable` when it is away. */
  read(asker: Asker): Promise<KnownSpender> {
    return this.#inTime(this.#reading.get(asker.name) ?? this.#ask(asker))
  }

  #ask(asker: Asker): Promise<KnownSpender> {
    const { spender, startedAt } = asker
    if (this.#reading.size >= READS_MAX) {
      return Promise.reject(new AforoError('unavailable', 'too many spenders are asked for at once'))
    }
    const askedAt = this.#parts.clock()
    const read = this.#parts.centre
      .read(this.#tenantId, startedAt === null ? spender : { ...spender, startedAt })
      .then(
        (facts) => {
          this.#parts.metrics.reads.inc({ outcome: 'answered' })
          this.#heardAt = Math.max(this.#heardAt, askedAt)
          return this.#learn(asker, facts, askedAt)
        },
        (error: unknown) => {
          this.#parts.metrics.reads.inc({ outcome: 'failed' })
          this.#missed(error)
          throw error
        },
      )
      .finally(() => {
        this.#reading.delete(asker.name)
        if (this.#reading.size === 0) this.#recent.forget()
      })
    this.#reading.set(asker.name, read)
    return read
  }

  /**
   * What calls may cost; an old card is used while it is asked for again, or nobody can be asked, and none where there is
   * no old one either.
   */
  card(question: RateQuestion, now: number): RateCard | Promise<RateCard> {
    const { customer, product, agent, model } = question
    // No part holds a control character.
    const name = `${customer}\0${product ?? ''}\0${agent ?? ''}\0${model ?? ''}`
    const known = this.#cards.get(name)
    const isDoubted = known !== undefined && known.readAt <= this.#cardsDoubtedAt
    if (known && !isDoubted && now - known.readAt < CARD_MS) return known.card
    const asked = this.#parts.centre.rates(this.#tenantId, question).then(
      (card) => {
        this.#cards.set(name, { card, readAt: now })
        return card
      },
      (error: unknown) => {
        this.#missed(error)
        throw error
      },
    )
    if (!known || isDoubted || now - known.readAt > CARD_MS_MAX) {
      return this.#inTime(asked).catch((error: unknown) => {
        if (asAforoError(error).code !== 'unavailable') throw error
        return known?.card ?? NO_RATES
      })
    }
    // Others need not ask too.
    this.#cards.set(name, { card: known.card, readAt: known.readAt + CARD_MS / 2 })
    asked.catch(() => {})
    return known.card
  }

  /** An answer of a centre that may hang, or has much to do: so long is waited, and what comes later is taken in too. */
  #inTime<T>(asked: Promise<T>): Promise<T> {
    const waitMs = this.isAway(this.#parts.clock()) ? AWAY_WAIT_MS : READ_MS_MAX
    return new Promise<T>((resolve, reject) => {
      const late = setTimeout(() => reject(new AforoError('unavailable', 'the centre is away')), waitMs)
      const done = () => clearTimeout(late)
      asked.then(resolve, reject).finally(done)
    })
  }

  /** Takes in that we stopped somebody, or let go on, once the centre has it. */
  hearOwnWord(change: KillChange): void {
    this.#ownWords.set(killName(change.of, change.id), {
      isKilled: change.isKilled,
      at: this.#parts.clock(),
    })
    this.#hear(change)
  }

  /** What the centre tells may be older than our own word, or be another's that is newer: only asking tells which. */
  #contradictsOwnWord(change: Change): boolean {
    if (change.kind !== 'kill') return false
    const own = this.#ownWords.get(killName(change.of, change.id))
    return own !== undefined && own.isKilled !== change.isKilled && this.#parts.clock() - own.at < OWN_WORD_MS
  }

  /** Takes in what the centre tells. */
  #hear(change: Change): void {
    this.#heardAt = this.#parts.clock()
    if (change.kind === 'beat') return
    if (this.#reading.size > 0) this.#recent.keep(change, this.#heardAt)
    switch (change.kind) {
      case 'reread':
        this.#rereadAt = this.#heardAt
        this.memory.doubtAll()
        this.#cardsDoubtedAt = this.#heardAt
        this.#tell({ all: change.budgets ?? null })
        break
      case 'kill':
        this.memory.setKilled(change.of, change.id, change.isKilled)
        this.#tell({ kill: change })
        break
      case 'counters':
        this.apply(change.standings, this.#heardAt)
    }
  }

  /** How counters stand, by an answer to what was asked at `at`. */
  apply(standings: readonly CounterStanding[], at: number): void {
    this.#heardAt = Math.max(this.#heardAt, at)
    const counters = new Set<Counter>()
    for (const standing of standings) {
      const counter = this.memory.apply(standing, at)
      if (counter) counters.add(counter)
    }
    if (counters.size > 0) this.#tell({ counters })
  }

  /** What was heard while it was asked is newer, or as new, as the answer. */
  #learn(asker: Asker, facts: SpenderFacts, askedAt: number): KnownSpender {
    const known = this.memory.learn(asker, facts, askedAt)
    for (const kind of KILL_KINDS) {
      const id = asker.spender[kind]
      const kill = id === null ? undefined : this.#recent.killOf(killName(kind, id))
      if (kill) this.memory.setKilled(kind, kill.id, kill.isKilled)
    }
    for (const { name } of known.counters) {
      const standing = this.#recent.standingOf(name)
      if (standing) this.memory.apply(standing, this.#heardAt)
    }
    const recalled = known.counters.filter(({ isRecalled }) => isRecalled)
    if (recalled.length > 0) this.#tell({ counters: new Set(recalled) })
    // It may be what was true before; it serves once.
    if (askedAt < this.#rereadAt || !this.#recent.isWholeSince(askedAt)) known.until = askedAt
    return known
  }
}
