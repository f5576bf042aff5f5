import { stringify } from 'csv-stringify/sync'
import type { ExportColumn } from './kinds.ts'

export const EXPORT_TYPES = { csv: 'text/csv', jsonl: 'application/x-ndjson' } as const
export type ExportFormat = keyof typeof EXPORT_TYPES

export type ExportRow = Readonly<Record<string, unknown>>

/** The first line: CSV has the names of its columns. */
export function headOf(format: ExportFormat, columns: readonly ExportColumn[]): string {
  return format === 'csv' ? csv([columns.map(({ name }) => name)]) : ''
}

/** Rows as lines, each with its end. Pure. */
export function linesOf(
  format: ExportFormat,
  columns: readonly ExportColumn[],
  rows: readonly ExportRow[],
): string {
  if (format === 'jsonl') return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  return csv(rows.map((row) => columns.map((column) => csvValue(column, row[column.name]))))
}

/** RFC 4180: CRLF, quoted where it must be, quotes doubled. */
function csv(rows: readonly (readonly (string | null)[])[]): string {
  return stringify(rows as (string | null)[][], { record_delimiter: 'windows' })
}

/**
 * Text is somebody else's: a spreadsheet runs a cell that begins with one of these as a formula, so it is given an
 * apostrophe, which spreadsheets do not show. Numbers and times are ours and stay as they are, a minus included.
 */
const FORMULA = /^[=+\-@\t\r\n|\uff0b\uff0d\uff1d\uff20]/

function csvValue({ type }: ExportColumn, value: unknown): string | null {
  if (value === null || value === undefined) return null
  const text = String(value)
  return type === 'text' && FORMULA.test(text) ? `'${text}` : text
}
