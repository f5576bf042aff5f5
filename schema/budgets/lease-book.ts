import type { Actual, CounterKey, HoldEnd, HoldState, LeaseOrder } from '../../core/lease.ts'
import type { Amounts, RateCard } from '../../core/rate-card.ts'
import type { Scaled } from '../../core/scaled.ts'

/*
 * What the centre decides about leases and holds, over rows that the caller has locked. Of each counter
 *
 *   leased = Σ amounts of its leases + Σ amounts that its holds hold
 *
 * A sidecar takes holds out of its lease and tells of them afterwards: then their amounts move from the lease to the
 * hold, and `leased` stays. An amount leaves `leased` when its hold ends, or when a lease is given back or runs out.
 */

export interface BookCounter {
  readonly name: string
  readonly key: CounterKey
  /** Null: nothing to keep to, of a soft budget, a margin floor, or one that has ended. */
  readonly limit: Scaled | null
  /** It counts wholes: a part of one is of use to nobody, and not to be granted. */
  readonly isWhole: boolean
  readonly used: Scaled
  readonly usedCogs: Scaled | null
  leased: Scaled
}

export interface BookLease {
  readonly leaseId: string
  readonly counter: string
  readonly sidecarId: string
  amount: Scaled
  seq: number
  /** Milliseconds since 1970. */
  expiresAt: number
}

export interface BookTake {
  readonly counter: string
  readonly unit: keyof Amounts
  readonly taken: Scaled
  held: Scaled
}

export interface BookHold {
  readonly holdId: string
  state: HoldState
  settledBy: 'call' | 'span' | null
  late: boolean
  readonly takes: readonly BookTake[]
  readonly card: RateCard
  /** It is for several model calls: spans take theirs out of it, and none ends it. */
  readonly isWork: boolean
  actual: Actual | null
  /** What its spans have told of by now, of those of the trace that tells of most calls. */
  told: Actual | null
  /** What was used beyond what was taken, by counter. */
  over: Readonly<Record<string, Scaled>>
  expiresAt: number
}

/** Rows that are locked, by name. What a function changes in it is to be written. */
export interface LeaseBook {
  readonly counters: ReadonlyMap<string, BookCounter>
  /** By `leaseName`. */
  readonly leases: Map<string, BookLease>
  readonly holds: Map<string, BookHold>
}

/** Names a counter of a budget among those of a tenant. */
export function counterName({ budgetId, counting, subject, windowStart }: CounterKey): string {
  return `${budgetId}\0${counting}\0${subject}\0${windowStart}`
}

/** Names the lease that a sidecar has of a counter: it has one at most. */
export function leaseName(counter: string, sidecarId: string): string {
  return `${counter}\0${sidecarId}`
}

/** A hold as a sidecar tells of it, with the name of the counter and the unit of each amount. */
export interface ToldHold {
  readonly holdId: string
  readonly takes: readonly {
    readonly counter: string
    readonly unit: keyof Amounts
    readonly leaseId: string | null
    readonly amount: Scaled
  }[]
  readonly card: RateCard
  readonly isWork?: boolean
  readonly msLeft: number
  readonly end: HoldEnd | null
}

/** What a sidecar tells at once, with the names of counters. */
export interface Told {
  readonly sidecarId: string
  readonly seq: number
  readonly holds: readonly ToldHold[]
  readonly ends: readonly HoldEnd[]
  readonly orders: readonly (LeaseOrder & { readonly name: string })[]
}
