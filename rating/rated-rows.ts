import type pg from 'pg'
import { copyInto } from '../schema/copy.ts'
import { CopyWriter } from '../schema/copy-writer.ts'
import {
  COST_LINES,
  type Column,
  KEY,
  PRICE_LINES,
  RATINGS,
  type RatedTable,
  STACK_LINES,
} from './columns.ts'
import type { RatedEvent } from './rate-event.ts'

const BYTES_EXPECTED = 128 * 1024

/** The lines and ratings of a batch, put together event by event, while what they say is at hand. */
export class RatedRows {
  readonly #tables = [
    new TableRows(COST_LINES, (rated) => rated.costLines),
    new TableRows(PRICE_LINES, (rated) => rated.charged),
    new TableRows(STACK_LINES, (rated) => rated.stackLines),
    new TableRows(RATINGS, (_, ratedAt) => [ratedAt]),
  ] as const

  /** @param ratedAt microseconds since 1970 */
  add(rated: RatedEvent, ratedAt: number): void {
    const [costs, prices, stack, ratings] = this.#tables
    costs.add(rated, ratedAt)
    prices.add(rated, ratedAt)
    stack.add(rated, ratedAt)
    ratings.add(rated, ratedAt)
  }

  /** By COPY, which takes half of the database's CPU that arrays to be unnested take. Empty afterwards. */
  async copy(client: pg.PoolClient): Promise<void> {
    for (const table of this.#tables) await table.copy(client)
  }

  /** Bytes of memory that it holds. */
  get capacity(): number {
    return this.#tables.reduce((sum, table) => sum + table.capacity, 0)
  }
}

/** Rows for one table. */
class TableRows<Line> {
  readonly #table: RatedTable<Line>
  readonly #linesOf: (rated: RatedEvent, ratedAt: number) => readonly Line[]
  readonly #writer = new CopyWriter(BYTES_EXPECTED)
  #rows = 0

  constructor(table: RatedTable<Line>, linesOf: (rated: RatedEvent, ratedAt: number) => readonly Line[]) {
    this.#table = table
    this.#linesOf = linesOf
  }

  get capacity(): number {
    return this.#writer.capacity
  }

  add(rated: RatedEvent, ratedAt: number): void {
    const lines = this.#linesOf(rated, ratedAt)
    const writer = this.#writer
    const { columns } = this.#table
    const from = writer.position
    let keyEnd = from
    for (let no = 0; no < lines.length; no++) {
      if (no === 0) {
        writer.row(KEY.length + columns.length)
        writeColumns(writer, KEY, null, rated, no)
        keyEnd = writer.position
      } else {
        writer.again(from, keyEnd)
      }
      writeColumns(writer, columns, lines[no]!, rated, no)
    }
    this.#rows += lines.length
  }

  async copy(client: pg.PoolClient): Promise<void> {
    if (this.#rows === 0) return
    const names = [...KEY, ...this.#table.columns].map((column) => column.name).join(', ')
    await copyInto(client, `aforo_store.${this.#table.name} (${names})`, this.#writer.finish())
    this.#writer.rewind()
    this.#rows = 0
  }
}

/** Counted, not iterated: an iterator leaves an object for each column of each line. */
function writeColumns<Line>(
  writer: CopyWriter,
  columns: readonly Column<Line>[],
  line: Line,
  rated: RatedEvent,
  lineNo: number,
): void {
  for (let no = 0; no < columns.length; no++) columns[no]!.write(writer, line, rated, lineNo)
}
