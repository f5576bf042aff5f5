import type { Anomaly, Usage } from '../../core/usage.ts'
import { CopyWriter } from '../../schema/copy-writer.ts'
import { COLUMNS, type JournalColumn } from '../journal/columns.ts'
import { type Fingerprint, fingerprint } from '../journal/fingerprint.ts'

/** Columns that older rows were written without: their fingerprint was taken of the others. */
const LATER_COLUMNS: ReadonlySet<string> = new Set(['request_id'])

/** Units of one row whose order is tried: the database does not keep it. Rows with more are taken to be intact. */
export const UNITS_TRIED_MAX = 5

const BYTES_PER_ROW = 1024

/** One row at a time is written here, to be hashed: a buffer for each would cost more than the hash. */
const writer = new CopyWriter(BYTES_PER_ROW)

/**
 * The usage a fingerprint was taken of, as far as the order of fields goes, which the database does not keep; null where
 * it was taken of something else than what the row says now.
 */
export function asWritten(usage: Usage, stored: bigint): Usage | null {
  const told = withAnomaliesAsWritten(usage)
  if (isOf(told, COLUMNS, stored)) return told
  const units = Object.keys(told.quantities)
  if (units.length > UNITS_TRIED_MAX) return told
  const older = told.requestId === null ? [COLUMNS.filter((column) => !LATER_COLUMNS.has(column.name))] : []
  for (const columns of [COLUMNS, ...older]) {
    for (const order of ordersOf(units)) {
      const quantities = Object.fromEntries(order.map((unit) => [unit, told.quantities[unit]!]))
      const ordered = { ...told, quantities }
      if (isOf(ordered, columns, stored)) return ordered
    }
  }
  return null
}

function isOf(usage: Usage, columns: readonly JournalColumn[], stored: bigint): boolean {
  writer.rewind()
  const from = writer.position
  for (const column of columns) column.write(writer, usage)
  const print: Fingerprint = { high: 0, low: 0 }
  fingerprint(writer.view, from, writer.position, print)
  return ((BigInt(print.high) << 32n) | BigInt(print.low >>> 0)) === stored
}

/** jsonb sorts the fields of an object; they were written in this order. */
function withAnomaliesAsWritten(usage: Usage): Usage {
  if (usage.anomalies.length === 0) return usage
  const anomalies = usage.anomalies.map(({ kind, spanId, reason }): Anomaly => ({ kind, spanId, reason }))
  return { ...usage, anomalies }
}

function* ordersOf<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length <= 1) {
    yield items
    return
  }
  for (const [at, item] of items.entries()) {
    for (const rest of ordersOf(items.toSpliced(at, 1))) yield [item, ...rest]
  }
}
