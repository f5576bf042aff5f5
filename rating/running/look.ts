import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import type { HoldUse, OpenTrace, OpenTraces } from '../../core/open-trace.ts'
import type { OpenChange } from '../../schema/budgets/count.ts'
import type { SpendTrace } from '../../schema/budgets/lock.ts'
import { beyond, type OpenSpend, readOpenSpend } from '../../schema/budgets/open-spend.ts'
import type { Sources } from '../prepare.ts'
import { type PricedTrace, priceOpen } from './price-open.ts'

/** Assembles traces as a cut would now; of others that have more or fewer calls because of them, those that `hold` holds. */
export type AssembleOpen = (
  client: pg.PoolClient,
  wanted: readonly SpendTrace[],
  hold: (traces: readonly SpendTrace[]) => Promise<readonly SpendTrace[]>,
) => Promise<OpenTraces>

/** What looking at open traces found: what each counts for now, and what its spans tell of holds. */
export interface Looked extends Pick<OpenTraces, 'missed' | 'failed'> {
  readonly changes: readonly OpenChange[]
  readonly holds: ReadonlyMap<TenantId, readonly HoldUse[]>
}

/**
 * Looks at open traces that the caller holds, and at others that `hold` holds for it: what they come to in all, beyond what
 * ratings hold of them by now. Nothing of it is counted yet.
 */
export async function lookAt(
  client: pg.PoolClient,
  sources: Sources,
  assembleOpen: AssembleOpen,
  wanted: readonly SpendTrace[],
  hold: Parameters<AssembleOpen>[2],
  now: Date,
): Promise<Looked> {
  const { traces, missed, failed } = await assembleOpen(client, wanted, hold)
  const open = await readOpenSpend(client, traces)
  const priced = await priceOpen(client, sources, traces, now)
  const changes = traces.map((trace, i): OpenChange => {
    return { trace, before: open[i]!, after: openAfter(trace, priced[i]!) }
  })
  const byTenant = Map.groupBy(traces, (trace) => trace.tenantId)
  const holds = new Map(
    [...byTenant].map(([tenantId, found]) => [tenantId, found.flatMap((trace) => trace.holds)]),
  )
  return { changes, holds, missed, failed }
}

/** A settled trace all of which is rated counts for nothing beyond that. */
function openAfter(trace: OpenTrace, { total, parts, isRated }: PricedTrace): OpenSpend | null {
  if (trace.isSettled && isRated) return null
  return beyond(total, parts, { spans: trace.spans, mirrored: trace.mirrored })
}

/** Traces that somebody else holds are tried again after this. */
export const RETRY_MS = 20
/** After a failure of a trace's own. */
export const FAILED_PAUSE_MS = 60_000
/** Traces and journal rows that are looked at in one transaction: bounds its memory and how long it holds counters. */
export const LOOK_TRACES_MAX = 200
export const LOOK_SPANS_MAX = 50_000
