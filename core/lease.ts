import type { Spender } from './budget.ts'
import type { RateCard } from './rate-card.ts'

/**
 * What a sidecar and the centre tell each other. Amounts are decimal text in the budget's unit; spans of time are
 * milliseconds from when the message was sent or came, never instants: no clock is compared with another.
 */

/** One counter of a budget. `windowStart`: as the database writes it. */
export interface CounterKey {
  readonly budgetId: string
  readonly counting: number
  readonly subject: string
  readonly windowStart: string
}

/** What a hold takes of a counter, out of a lease of the sidecar. */
export interface Take {
  readonly counter: CounterKey
  /** Null: nobody granted it. The centre was away, and the budget is open then. */
  readonly leaseId: string | null
  readonly amount: string
}

export type HoldState = 'active' | 'settled' | 'released' | 'expired'

/** A hold that a sidecar took and the centre has not heard of yet. */
export interface HoldRecord {
  readonly holdId: string
  readonly spender: Spender
  readonly model: string | null
  readonly heldBy: 'price' | 'estimate'
  readonly takes: readonly Take[]
  /** What usage is worth, for a settlement in tokens. */
  readonly card: RateCard
  /** It is for several model calls: spans take theirs out of it, and none ends it. */
  readonly isWork?: boolean
  /** How much longer it lasts unless it is settled; zero or less: its time is over, and its grace runs. */
  readonly msLeft: number
  /** It was settled or released before anybody heard of it. */
  readonly end: HoldEnd | null
}

/** What was used in the end: tokens and calls, and amounts by unit where somebody knows them. */
export interface Actual {
  readonly input_tokens?: string
  readonly output_tokens?: string
  readonly tool_calls?: string
  readonly price?: string
  readonly cogs?: string
  readonly credits?: string
  readonly tokens?: string
  readonly model_calls?: string
  readonly reasoning_steps?: string
}

export interface HoldEnd {
  readonly holdId: string
  /** Null: released. Without amounts: all of it stays held until the span arrives. */
  readonly actual: Actual | null
}

/** How a hold ended: by this message or by another one before. */
export interface HoldEnded {
  readonly holdId: string
  readonly state: HoldState
  /** It had expired or been released: it is noted all the same. */
  readonly late: boolean
  /** Units of which more was used than was held. */
  readonly over: readonly string[]
}

/** A wish that a lease be as large as `target`, and at least `need` larger than it is; `least` would help already. */
export interface LeaseOrder {
  readonly counter: CounterKey
  readonly leaseId: string | null
  readonly target: string
  readonly need: string
  readonly least: string
}

/** What a sidecar tells the centre at once. Sent again with the same `seq` until it is answered: it counts once. */
export interface Exchange {
  readonly sidecarId: string
  readonly seq: number
  readonly holds: readonly HoldRecord[]
  readonly ends: readonly HoldEnd[]
  readonly orders: readonly LeaseOrder[]
}

export interface CounterStanding {
  readonly counter: CounterKey
  /** Grows with every change: of two tellings, the later one. */
  readonly version: number
  readonly used: string
  readonly usedCogs: string | null
  readonly leased: string
  /** Of a wallet it moves; null where the budget has none to speak of. */
  readonly limit: string | null
}

/** A hold that a sidecar asks for without a lease, of counters it has not met before: its takes name none. */
export interface AskedHold {
  readonly sidecarId: string
  readonly hold: HoldRecord
}

/** Whether a hold that was asked for was taken, and how its counters stand since. */
export interface Taken {
  readonly isTaken: boolean
  readonly standings: readonly CounterStanding[]
}

export interface LeaseGrant {
  readonly counter: CounterKey
  /** Null: there is none. */
  readonly leaseId: string | null
  /** What the sidecar may hold out of it, without what it has told of already. */
  readonly amount: string
  readonly msValid: number
}

export interface ExchangeReply {
  readonly ends: readonly (HoldEnded | { readonly holdId: string; readonly state: null })[]
  readonly grants: readonly LeaseGrant[]
  readonly standings: readonly CounterStanding[]
}
