import type { AuditScope } from '../core/audit.ts'

/**
 * Which rows of a table with an event and its time an audit looks at; `scopeValues` are the values. Events that are named
 * are found by the index of their name or of their time, whichever the table has.
 * @param alias of the table, where another one has such columns too
 */
export function inScope(alias = ''): string {
  const of = alias && `${alias}.`
  return `($1::text is null or ${of}tenant_id = $1)
    and ${of}time >= $2::timestamptz and ${of}time < $3::timestamptz
    and ($4::text[] is null or ${of}event_id = any ($4) and ${of}time = any ($5::timestamptz[]))`
}

export function scopeValues({ tenantId, from, to, events }: AuditScope): readonly unknown[] {
  const ids = events?.map(({ eventId }) => eventId) ?? null
  return [tenantId, from, to, ids, events?.map(({ time }) => time) ?? null]
}
