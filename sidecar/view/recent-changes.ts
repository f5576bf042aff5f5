import type { CounterStanding } from '../../core/lease.ts'
import { counterName } from '../../schema/budgets/lease-book.ts'
import type { Change } from '../centre/centre.ts'
import { killName } from './memory.ts'

/** What is heard is kept so long, and up to twice as long: an answer that took longer serves once. */
export const RECENT_MS = 1_000
/** Counters, and kills, that are kept of so long a time; at more all that was asked for before serves once. */
export const RECENT_CHANGES_MAX = 20_000

type Kill = Change & { readonly kind: 'kill' }

interface Slice {
  readonly from: number
  readonly counters: Map<string, CounterStanding>
  readonly kills: Map<string, Kill>
}

const since = (from: number): Slice => ({ from, counters: new Map(), kills: new Map() })

/**
 * What the centre told while something was asked of it: that is newer than the answer, or as new. Found by name, for under
 * load there is always somebody who is being asked for, and very much is heard.
 */
export class RecentChanges {
  #now: Slice = since(Number.NEGATIVE_INFINITY)
  #before: Slice = since(Number.NEGATIVE_INFINITY)

  keep(change: Change, now: number): void {
    if (now - this.#now.from >= RECENT_MS) {
      this.#before = this.#now
      this.#now = since(now)
    }
    const { counters, kills } = this.#now
    if (change.kind === 'counters')
      for (const standing of change.standings) counters.set(counterName(standing.counter), standing)
    if (change.kind === 'kill') kills.set(killName(change.of, change.id), change)
    if (counters.size > RECENT_CHANGES_MAX || kills.size > RECENT_CHANGES_MAX) {
      this.#now = since(now)
      this.#before = this.#now
    }
  }

  /** Nothing is being asked for: what is heard from now on may be newer than what is asked for from now on. */
  forget(): void {
    if (this.#now.counters.size + this.#now.kills.size + this.#before.counters.size === 0) return
    this.#now = since(Number.NEGATIVE_INFINITY)
    this.#before = this.#now
  }

  /** Whether all is kept that was heard since then. */
  isWholeSince(askedAt: number): boolean {
    return this.#before.from <= askedAt
  }

  standingOf(counter: string): CounterStanding | undefined {
    return this.#now.counters.get(counter) ?? this.#before.counters.get(counter)
  }

  killOf(name: string): Kill | undefined {
    return this.#now.kills.get(name) ?? this.#before.kills.get(name)
  }
}
