import type { KillKind } from '../../core/decision.ts'
import type { TenantId } from '../../core/ids.ts'
import type { AskedHold, CounterStanding, Exchange, ExchangeReply, Taken } from '../../core/lease.ts'
import type { RateCard } from '../../core/rate-card.ts'
import type { Access } from '../../schema/access.ts'
import type { Kill } from '../../schema/budgets/kills.ts'
import type { AskedSpender, SpenderFacts } from '../../schema/budgets/spenders.ts'

/** Whose calls a rate card is of. */
export interface RateQuestion {
  readonly customer: string
  readonly product: string | null
  readonly agent: string | null
  readonly model: string | null
}

/** What the centre tells without being asked. */
export type Change =
  | { readonly kind: 'counters'; readonly standings: readonly CounterStanding[] }
  | { readonly kind: 'kill'; readonly of: KillKind; readonly id: string; readonly isKilled: boolean }
  /** A budget changed, or more than can be told: what is remembered is to be read again. */
  | {
      readonly kind: 'reread'
      /** Those that changed: what no hold has taken of their leases goes back. Absent: it may be any. */
      readonly budgets?: readonly string[]
    }
  /** Nothing changed up to now. */
  | { readonly kind: 'beat' }

/**
 * Where the truth about budgets is. Two implementations: over the database, and over HTTP to a check server that has
 * one. Every call may fail with `unavailable`: then the centre is away.
 */
export interface Centre {
  readonly access: Access
  /** Those who are asked for at once may be asked for together. */
  read(tenantId: TenantId, spender: AskedSpender): Promise<SpenderFacts>
  exchange(tenantId: TenantId, told: Exchange): Promise<ExchangeReply>
  /** Takes a hold without a lease, or not. Those that are asked for at once may be asked for together. */
  take(tenantId: TenantId, asked: AskedHold): Promise<Taken>
  rates(tenantId: TenantId, question: RateQuestion): Promise<RateCard>
  /** False: it was stopped already. */
  kill(tenantId: TenantId, kill: Kill, reason: string | null): Promise<boolean>
  /** False: it was not stopped. */
  lift(tenantId: TenantId, kill: Kill): Promise<boolean>
  /** Tells of every change from now on, first a `reread`; until it is stopped. It comes again by itself after a fault. */
  follow(tenantId: TenantId, tell: (change: Change) => void): () => void
  stop(): Promise<void>
}
