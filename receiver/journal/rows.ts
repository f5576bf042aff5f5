import type { TenantId } from '../../core/ids.ts'
import type { UnixMillis } from '../../core/time.ts'
import type { Usage } from '../../core/usage.ts'
import { CopyWriter } from '../../schema/copy-writer.ts'
import { COLUMN_NAMES, COLUMNS } from './columns.ts'
import { type Fingerprint, fingerprint } from './fingerprint.ts'

/** A usage on its way into the journal. */
export interface JournalRow {
  readonly tenant: TenantId
  readonly receivedAt: UnixMillis
  readonly usage: Usage
}

const BYTES_PER_ROW = 640

/**
 * Rows as one binary COPY stream of COLUMN_NAMES, in one order over all processes, so that two transactions with
 * the same spans wait for one another and never both.
 */
export function encodeRows(rows: JournalRow[]): Buffer {
  rows.sort(byKey)
  const writer = new CopyWriter(rows.length * BYTES_PER_ROW)
  const print: Fingerprint = { high: 0, low: 0 }
  for (const row of rows) {
    writer.row(COLUMN_NAMES.length)
    writer.text(row.tenant)
    writer.instant(row.receivedAt * 1000)
    const place = writer.position
    writer.bits(0, 0)
    const from = writer.position
    for (const column of COLUMNS) column.write(writer, row.usage)
    fingerprint(writer.view, from, writer.position, print)
    writer.patchBits(place, print.high, print.low)
  }
  return writer.finish()
}

function byKey(a: JournalRow, b: JournalRow): number {
  return (
    compare(a.tenant, b.tenant) ||
    compare(a.usage.traceId, b.usage.traceId) ||
    compare(a.usage.spanId, b.usage.spanId) ||
    compare(a.usage.endNano, b.usage.endNano)
  )
}

function compare<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}
