import type { Readable } from 'node:stream'
import type pg from 'pg'
import type { TenantId } from '../core/ids.ts'
import type { Pricing } from '../core/quote.ts'
import type { Simulate } from '../core/simulation.ts'
import type { Answer, Route } from './route.ts'

/** What the handler of a long route is given: input that has been checked, and no transaction. */
export interface LongCall<P, Q, B> extends Pricing {
  readonly tenantId: TenantId
  readonly path: P
  readonly query: Q
  readonly body: B
  readonly pool: pg.Pool
  readonly simulate: Simulate
  readonly now: Date
  /** Comes when the client went away: whatever is done for it ends then. */
  readonly signal: AbortSignal
  /** The one of the content types that the client likes best; null where it takes none of them. */
  accepts(types: readonly string[]): string | null
}

/** A body that is written as it is made: no faster than the client reads. */
export interface StreamedAnswer {
  readonly type: string
  readonly fileName: string
  readonly stream: Readable
}

/**
 * An endpoint that takes its time: it reads in snapshots of its own, in pieces, and ends when its client goes away. It
 * writes nothing to the books, so an Idempotency-Key says nothing to it.
 */
export interface LongRoute<P = unknown, Q = unknown, B = unknown> extends Omit<Route<P, Q, B>, 'handle'> {
  /** Content types of a streamed answer, beside those of `answers`. */
  readonly streams?: readonly string[]
  run(call: LongCall<P, Q, B>): Promise<Answer | StreamedAnswer>
}

/** As `route`. */
export function longRoute<P, Q, B>(definition: LongRoute<P, Q, B>): LongRoute {
  return definition as unknown as LongRoute
}
