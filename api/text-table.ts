import { Decimal } from '../core/money.ts'

/** One column of a table: its head, which side it leans to, and its text. */
export interface Column<Row> {
  readonly head: string
  readonly align: 'left' | 'right'
  readonly text: (row: Row) => string
}

/** Characters a cell may have before it is cut short. */
const CELL_MAX = 40

/** Rows as a table of text, columns two spaces apart. Pure. */
export function textTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => cut(column.text(row))))
  const widths = columns.map((column, i) =>
    Math.max(column.head.length, ...cells.map((row) => row[i]!.length)),
  )
  const line = (texts: readonly string[]) =>
    texts
      .map((text, i) => (columns[i]!.align === 'left' ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)))
      .join('  ')
      .trimEnd()
  return `${[columns.map((column) => column.head), ...cells].map(line).join('\n')}\n`
}

/** `$1,234.568`: three decimals, rounded half up, away from zero. Another currency stands before as its code. */
export function money(amount: string, currency: string): string {
  const rounded = new Decimal(amount).toDecimalPlaces(3, Decimal.ROUND_HALF_UP)
  const sign = rounded.isNegative() && !rounded.isZero() ? '-' : ''
  return `${sign}${currency === 'USD' ? '$' : `${currency} `}${thousands(rounded.abs().toFixed(3))}`
}

/** `1,842`: a quantity with separators, as exact as it is. */
export function grouped(quantity: string | Decimal): string {
  return thousands(new Decimal(quantity).toFixed())
}

function thousands(text: string): string {
  const [whole, fraction] = text.split('.')
  const separated = whole!.replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',')
  return fraction === undefined ? separated : `${separated}.${fraction}`
}

/** Names come from traces: a line break or an escape in one must not draw in somebody's terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ')
}

function cut(text: string): string {
  const plain = printable(text)
  return plain.length <= CELL_MAX ? plain : `${plain.slice(0, CELL_MAX - 1)}…`
}
