import type pg from 'pg'
import { pagesOf } from '../../schema/pages.ts'
import { APPROVAL_INSTANTS } from './approvals.ts'
import { FACT_INSTANTS } from './facts.ts'
import { LEDGER_INSTANTS } from './ledger.ts'

/** A cut of a trace, as the source made it. */
export interface RecordedCut {
  readonly tenantId: string
  readonly traceId: string
  /** How many cuts of the trace came before. */
  readonly cut: number
  readonly reason: string
  /** The revision that was made by it, or was there already. */
  readonly eventId: string
  readonly revision: number
  /** When the trace was cut before, microseconds since 1970; null for the first. */
  readonly before: string | null
  /** When the revision was rated; null where it waits. RFC 3339. */
  readonly ratedAt: string | null
}

/** What was done at an instant, microseconds since 1970. */
type Step =
  | { readonly kind: 'facts' | 'ledger' | 'rate' | 'approval'; readonly at: bigint }
  | { readonly kind: 'cut'; readonly at: bigint; readonly cuts: readonly RecordedCut[] }

/** Rows fetched at once; and traces of one cut step. */
const PAGE_ROWS = 500
const CUT_TRACES_MAX = 200

/**
 * All that was done, in order; at one instant facts come before cuts, cuts before grants, grants before ratings, and
 * ratings before back-dated prices are approved.
 */
export async function* recordedSteps(source: pg.PoolClient): AsyncGenerator<Step, void, void> {
  const streams = [
    instantSteps(source, 'facts', FACT_INSTANTS),
    cutSteps(source),
    instantSteps(source, 'ledger', LEDGER_INSTANTS),
    instantSteps(source, 'rate', RATING_INSTANTS),
    instantSteps(source, 'approval', APPROVAL_INSTANTS),
  ]
  const heads: (Step | undefined)[] = []
  for (const stream of streams) heads.push(await next(stream))
  for (;;) {
    let first = -1
    heads.forEach((head, no) => {
      if (head !== undefined && (first < 0 || head.at < heads[first]!.at)) first = no
    })
    if (first < 0) return
    yield heads[first]!
    heads[first] = await next(streams[first]!)
  }
}

async function next(stream: AsyncGenerator<Step, void, void>): Promise<Step | undefined> {
  const { value } = await stream.next()
  return value ?? undefined
}

async function* instantSteps(
  source: pg.PoolClient,
  kind: 'facts' | 'ledger' | 'rate' | 'approval',
  text: string,
): AsyncGenerator<Step, void, void> {
  for await (const rows of pagesOf<{ at: string }>(source, text, [], PAGE_ROWS)) {
    for (const { at } of rows) yield { kind, at: BigInt(at) }
  }
}

const RATING_INSTANTS = `
  select (extract(epoch from rated_at) * 1000000)::bigint::text as at
  from (select distinct rated_at from aforo_store.ratings) r order by rated_at`

/**
 * Cuts are told by revisions of the traces' own events, and by what traces brought to the events of their sessions; one
 * that moved a trace by both.
 */
const CUTS = `
  select (extract(epoch from recorded_at) * 1000000)::bigint::text as at, tenant_id as "tenantId",
    encode(trace_id, 'hex') as "traceId", cut, event_id as "eventId", revision, cut_reason as reason,
    (extract(epoch from before) * 1000000)::bigint::text as before, rated_at as "ratedAt"
  from (
    select told.*, r.rated_at, max(told.recorded_at) over (
      partition by told.tenant_id, told.trace_id order by told.cut
      groups between unbounded preceding and 1 preceding) as before
    from (
      select tenant_id, trace_id, revision as cut, event_id, revision, cut_reason, recorded_at
      from aforo_store.events where event_id = 'evt_' || encode(trace_id, 'hex')
      union all
      select tenant_id, trace_id, cut, event_id, event_revision, cut_reason, recorded_at
      from aforo_store.contributions) told
    left join aforo_store.ratings r
      on r.tenant_id = told.tenant_id and r.event_id = told.event_id and r.revision = told.revision) cut
  order by recorded_at, tenant_id, event_id`

async function* cutSteps(source: pg.PoolClient): AsyncGenerator<Step, void, void> {
  let at: bigint | undefined
  let cuts: RecordedCut[] = []
  for await (const rows of pagesOf<RecordedCut & { at: string }>(source, CUTS, [], PAGE_ROWS)) {
    for (const { at: text, ...cut } of rows) {
      const instant = BigInt(text)
      if (at !== undefined && (instant !== at || cuts.length === CUT_TRACES_MAX)) {
        yield { kind: 'cut', at, cuts }
        cuts = []
      }
      at = instant
      cuts.push(cut)
    }
  }
  if (at !== undefined && cuts.length > 0) yield { kind: 'cut', at, cuts }
}
