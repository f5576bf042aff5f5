import type pg from 'pg'
import { ASSEMBLY_RULES } from '../../core/assembly-rules.ts'
import { alongIndex } from '../../schema/along-index.ts'
import { claimCut, DUE_COLUMNS, keyOf, withinSpans } from './claim.ts'
import type { DueTrace, TraceKey } from './trace.ts'

/** Which traces of older rules are claimed: at most `limit` of them in the order of their key, and `spansMax` spans. */
export interface OlderOrder {
  /** Null: of all tenants. */
  readonly tenantId: string | null
  /** The last trace of the claim before; null: from the first on. */
  readonly after: TraceKey | null
  readonly limit: number
  readonly spansMax: number
}

export interface OlderTraces {
  /** In the order of their key. */
  readonly traces: readonly DueTrace[]
  /** What belongs together with them, from further on in the order. */
  readonly beside: readonly DueTrace[]
}

/** Cut with older rules, and not about to be cut anyway. */
export const IS_OLDER = 'cut_rules < $1 and revision >= 0 and cut_due_at is null'

/**
 * Claims traces that were cut with older rules of assembling. With them come all others of their sessions, so that an
 * event changes once, and those that saw the same calls, so that a call is not compared with what older rules made of it.
 * Those that somebody else holds are being cut.
 */
export async function claimOlder(client: pg.PoolClient, order: OlderOrder): Promise<OlderTraces> {
  const { tenantId, after, limit, spansMax } = order
  const { rows } = await alongIndex(client, () =>
    client.query<Record<string, unknown>>({
      name: 'cut_claim_older',
      text: `
      select ${DUE_COLUMNS}
      from aforo_store.traces
      where ${IS_OLDER} and ($2::text is null or tenant_id = $2)
        and (tenant_id, trace_id) > ($3::text, $4::bytea)
      order by traces.tenant_id, traces.trace_id
      limit $5
      for update skip locked`,
      values: [
        ASSEMBLY_RULES,
        tenantId,
        after?.tenantId ?? '',
        Buffer.from(after?.traceId ?? '', 'hex'),
        limit,
      ],
    }),
  )
  const found = withinSpans(rows, spansMax)
  const groups = await readGroups(client, found, spansMax)
  const taken = new Map<string, TraceKey>()
  let traces = 0
  let spans = 0
  for (const [i, trace] of found.entries()) {
    if (!taken.has(keyOf(trace))) {
      const members = groups.get(i + 1) ?? []
      spans += members.reduce((sum, { spanCount }) => sum + spanCount, 0)
      // A group beyond the bound was not read.
      if (members.length === 0 || (i > 0 && spans > spansMax)) break
      for (const member of members) taken.set(keyOf(member), member)
    }
    traces++
  }
  const own = found.slice(0, traces)
  for (const trace of own) taken.delete(keyOf(trace))
  const others = [...taken.values()]
  return {
    traces: own,
    beside: others.length === 0 ? [] : await claimCut(client, others, others.length),
  }
}

interface Member extends TraceKey {
  readonly spanCount: number
}

/**
 * What of older rules belongs together, each trace once, by the place (from 1) of the first of the traces that it belongs
 * to, that one among them: as many groups as have that many spans, and the first as far as it has.
 */
async function readGroups(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
  spansMax: number,
): Promise<ReadonlyMap<number, readonly Member[]>> {
  if (traces.length === 0) return new Map()
  const { rows } = await client.query<Record<string, string>>({
    name: 'cut_older_groups',
    text: `
      with own as (
        select tenant_id, decode(trace_id, 'hex') as trace_id, event_id, no
        from unnest($2::text[], $3::text[], $4::text[]) with ordinality as own (tenant_id, trace_id, event_id, no)
      ),
      owners as (
        select tenant_id, trace_id, min(no) as no
        from (
          select tenant_id, trace_id, no from own
          union all
          select own.tenant_id, s.owner_trace_id, own.no
          from own
          cross join lateral (
            select owner_trace_id from aforo_store.call_sightings s
            where s.tenant_id = own.tenant_id and s.trace_id = own.trace_id and s.owner_trace_id <> s.trace_id
            offset 0) s) named
        group by tenant_id, trace_id
      ),
      sessions as (
        select tenant_id, event_id, min(no) as no from own where event_id is not null group by tenant_id, event_id
      ),
      together as (
        select tenant_id, trace_id, no from owners
        union all
        select owners.tenant_id, s.trace_id, owners.no
        from owners
        cross join lateral (
          select trace_id from aforo_store.call_sightings s
          where s.tenant_id = owners.tenant_id and s.owner_trace_id = owners.trace_id
            and s.owner_trace_id <> s.trace_id
          offset 0) s
        union all
        select sessions.tenant_id, t.trace_id, sessions.no
        from sessions
        cross join lateral (
          select trace_id from aforo_store.traces t
          where t.tenant_id = sessions.tenant_id and t.session_event_id = sessions.event_id
          offset 0) t
      ),
      counted as (
        select t.tenant_id, t.trace_id, t.span_count, first.no, sum(t.span_count) over (order by first.no) as spans,
          sum(t.span_count) over (order by first.no, t.trace_id rows unbounded preceding) as spans_here
        from (select tenant_id, trace_id, min(no) as no from together group by tenant_id, trace_id) first
        join aforo_store.traces t using (tenant_id, trace_id)
        where ${IS_OLDER}
      )
      select no::text as no, tenant_id, encode(trace_id, 'hex') as trace_id, span_count::text as span_count
      from counted
      where spans <= $5 or (no = 1 and (spans_here <= $5 or trace_id = (select trace_id from own where no = 1)))`,
    values: [
      ASSEMBLY_RULES,
      traces.map(({ tenantId }) => tenantId),
      traces.map(({ traceId }) => traceId),
      traces.map(({ sessionEventId }) => sessionEventId),
      spansMax,
    ],
  })
  return Map.groupBy(
    rows.map((row) => ({
      no: Number(row.no),
      tenantId: row.tenant_id!,
      traceId: row.trace_id!,
      spanCount: Number(row.span_count),
    })),
    ({ no }) => no,
  )
}
