import type pg from 'pg'
import type { TenantId, TraceId } from '../core/ids.ts'
import { lockFacts } from './facts-lock.ts'

/**
 * A fact that was missing and has now arrived.
 *  price      a row of the price book for that model; provider `tool` and the tool's name for a tool
 *  customer   the customer exists, or has a plan for usage from `from` on
 *  trace      somebody named the customer of that trace
 *  reason     what the unpriced give as their reason has come: a rate of a currency
 *  events     these, whose window was spread
 */
export type ArrivedFact =
  | { readonly kind: 'price'; readonly provider: string; readonly model: string }
  | { readonly kind: 'customer'; readonly customerId: string; readonly from?: string }
  | { readonly kind: 'trace'; readonly traceId: TraceId }
  | { readonly kind: 'reason'; readonly reason: string }
  | { readonly kind: 'events'; readonly eventIds: readonly string[] }

/** Every rater sees a new price row within this time; a revision made earlier could miss what it was made for. */
export const PRICE_SEEN_MS = 1_000

/**
 * Marks the traces whose events wait for the fact, so that the cut makes one more revision of each and the rating
 * books what can be booked now. To be called in the transaction that writes the fact: neither is there without the
 * other. A fact that turns out not to be enough changes nothing; the exception stays open.
 * @returns how many traces were marked
 */
export async function completeEvents(
  client: Pick<pg.ClientBase, 'query'>,
  tenantId: TenantId,
  fact: ArrivedFact,
  now: Date,
): Promise<number> {
  const { where, values } = condition(fact)
  await lockFacts(client, tenantId)
  // Locked in the order of the key, like everybody who writes traces.
  const { rowCount } = await client.query(
    `with waiting as (
       select t.tenant_id, t.trace_id
       from aforo_store.traces t
       where t.tenant_id = $1 and t.revision >= 0 and ${where}
       order by t.tenant_id, t.trace_id
       for update
     )
     update aforo_store.traces t
     set completed = true, cut_due_at = least(t.cut_due_at, $2)
     from waiting w
     where t.tenant_id = w.tenant_id and t.trace_id = w.trace_id`,
    [
      tenantId,
      new Date(now.getTime() + (fact.kind === 'price' || fact.kind === 'reason' ? PRICE_SEEN_MS : 0)),
      ...values,
    ],
  )
  return rowCount ?? 0
}

function condition(fact: ArrivedFact): { where: string; values: unknown[] } {
  switch (fact.kind) {
    case 'price':
      // A tool may not be mistaken for a model. Providers are not compared: one may go by another name in the price
      // book than in the spans.
      return {
        where: waitsFor(
          `x.kind = 'unpriced' and (x.provider is not distinct from 'tool') = $4 and ${NAMES_MODEL}`,
        ),
        values: [fact.model, fact.provider === 'tool'],
      }
    case 'customer':
      return {
        where: `${waitsFor(`x.kind = 'unattributed' and x.customer_id = $3`)}
          and ($4::timestamptz is null or t.event_time >= $4)`,
        values: [fact.customerId, fact.from ?? null],
      }
    case 'reason':
      return { where: waitsFor(`x.kind = 'unpriced' and x.reason = $3`), values: [fact.reason] }
    case 'events':
      return {
        where: `t.trace_id in (
          select e.trace_id from aforo_store.events e where e.tenant_id = $1 and e.event_id = any ($3))`,
        values: [fact.eventIds],
      }
    case 'trace':
      return { where: 't.trace_id = $3', values: [Buffer.from(fact.traceId, 'hex')] }
  }
}

/**
 * Whether the price's model ($3) is one that the book is asked for on behalf of the exception's: its name, with or
 * without Google's path and a date or version at its end, or the name that was asked for.
 */
const NAMES_MODEL = `(
  regexp_replace(x.model, '^(publishers/[^/]+/)?models/', '') = $3
  or x.model = $3
  or (starts_with(x.model, $3) and substr(x.model, length($3) + 1) ~ '^[-@:](v?[0-9]|latest)')
  or exists (
    select from aforo_store.events e
    where e.tenant_id = x.tenant_id and e.event_id = x.event_id and jsonb_path_exists(
      e.assembly, '$.calls[*] ? (@.model == $ran && @.requestModel == $asked)',
      jsonb_build_object('ran', x.model, 'asked', $3))))`

function waitsFor(exception: string): string {
  return `t.trace_id in (
    select x.trace_id from aforo_store.exceptions x
    where x.tenant_id = $1 and x.resolved_at is null and ${exception})`
}
