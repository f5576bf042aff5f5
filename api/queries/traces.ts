import type pg from 'pg'
import type { TenantId, TraceId } from '../../core/ids.ts'

/** Whether spans of the trace came and no event was cut of them yet. */
export async function isTraceOpen(
  client: pg.PoolClient,
  tenantId: TenantId,
  traceId: TraceId,
): Promise<boolean> {
  const { rowCount } = await client.query(
    'select from aforo_store.traces where tenant_id = $1 and trace_id = $2 and revision < 0',
    [tenantId, Buffer.from(traceId, 'hex')],
  )
  return rowCount === 1
}
