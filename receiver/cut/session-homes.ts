import type pg from 'pg'
import type { Assembly } from '../../core/assembly.ts'
import type { UnixMillis } from '../../core/time.ts'
import type { SessionName } from '../sessions/join.ts'
import { shortHash } from './sighting-rows.ts'
import type { DueTrace } from './trace.ts'

/** The session whose event is to have a trace. */
export interface SessionHome extends SessionName {
  /** Names it among the tenant's. */
  readonly key: string
}

/** What a tenant decided about its products, in the order of the decisions. */
export type Groupings = ReadonlyMap<
  string,
  readonly { readonly groupBy: string; readonly sinceMs: UnixMillis }[]
>

/** Tells of each trace which session's event is to have it: null where its own is. */
export async function readHomes(
  client: pg.PoolClient,
  traces: readonly { readonly trace: DueTrace; readonly assembly: Assembly }[],
): Promise<(SessionHome | null)[]> {
  const groupings = await readGroupings(client, traces)
  return traces.map(({ trace, assembly }) => homeOf(trace, assembly, groupings))
}

/**
 * The decision that held when the first span of a trace was received counts for the trace, whatever comes later. Traces
 * that name different customers are never joined; those that name none are joined with each other.
 */
function homeOf(trace: DueTrace, assembly: Assembly, groupings: Groupings): SessionHome | null {
  const { product, session, customer } = assembly
  if (product === null || session === null) return null
  const decided = groupings.get(productName(trace.tenantId, product))
  const last = decided?.findLast(({ sinceMs }) => sinceMs <= trace.firstReceivedMs)
  if (last?.groupBy !== 'session') return null
  return { key: shortHash(JSON.stringify([product, session, customer])), product, session, customer }
}

async function readGroupings(
  client: pg.PoolClient,
  traces: readonly { readonly trace: DueTrace; readonly assembly: Assembly }[],
): Promise<Groupings> {
  const products = new Map<string, readonly [string, string]>()
  for (const { trace, assembly } of traces) {
    const { product, session } = assembly
    if (product === null || session === null) continue
    products.set(productName(trace.tenantId, product), [trace.tenantId, product])
  }
  if (products.size === 0) return new Map()
  const asked = [...products.values()]
  const { rows } = await client.query<{
    tenant_id: string
    product_id: string
    group_by: string
    since_ms: number
  }>({
    name: 'cut_groupings',
    text: `
      select tenant_id, product_id, group_by, extract(epoch from recorded_at)::double precision * 1000 as since_ms
      from unnest($1::text[], $2::text[]) as asked (tenant_id, product_id)
      join aforo_store.product_settings using (tenant_id, product_id)
      order by setting_id`,
    values: [asked.map(([tenant]) => tenant), asked.map(([, product]) => product)],
  })
  const decided = rows.map((row) => ({
    name: productName(row.tenant_id, row.product_id),
    groupBy: row.group_by,
    sinceMs: Math.round(row.since_ms),
  }))
  return Map.groupBy(decided, ({ name }) => name)
}

function productName(tenantId: string, product: string): string {
  return `${tenantId}\0${product}`
}
