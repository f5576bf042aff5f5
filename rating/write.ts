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

/**
 * Writes the lines and ratings of a batch and takes its revisions off the queue. The lines go by COPY, which takes
 * half of the database's CPU that arrays to be unnested take.
 * @param writer where they are put together, one kind after the other
 * @param ratedAt microseconds since 1970
 */
export async function writeRatings(
  client: pg.PoolClient,
  writer: CopyWriter,
  events: readonly RatedEvent[],
  ratedAt: (event: RatedEvent) => number,
): Promise<void> {
  await copyLines(client, writer, COST_LINES, events, (rated) => rated.costLines)
  await copyLines(client, writer, PRICE_LINES, events, (rated) => rated.charged)
  await copyLines(client, writer, STACK_LINES, events, (rated) => rated.stackLines)
  await copyLines(client, writer, RATINGS, events, (event) => [ratedAt(event)])
  await client.query({
    name: 'rating-dequeue',
    text: `delete from aforo_store.rating_queue queued
       using unnest($1::text[], $2::text[], $3::integer[]) as rated (tenant_id, event_id, revision)
       where queued.tenant_id = rated.tenant_id and queued.event_id = rated.event_id
         and queued.revision = rated.revision`,
    values: [
      events.map(({ event }) => event.tenantId),
      events.map(({ event }) => event.eventId),
      events.map(({ event }) => event.revision),
    ],
  })
}

const BYTES_EXPECTED = 256 * 1024
/** A writer that has grown beyond this is not kept. */
export const BYTES_KEPT_MAX = 4 * 1024 * 1024

/** Writers that nobody uses: memory of that size is dear to get and to give back for every batch. */
export class SpareWriters {
  readonly #spare: CopyWriter[] = []
  readonly #max: number

  /** @param max writers that are kept */
  constructor(max: number) {
    this.#max = max
  }

  take(): CopyWriter {
    return this.#spare.pop() ?? new CopyWriter(BYTES_EXPECTED)
  }

  /** Only of a writer whose bytes are with the database: who failed keeps it. */
  giveBack(writer: CopyWriter): void {
    if (writer.capacity <= BYTES_KEPT_MAX && this.#spare.length < this.#max) this.#spare.push(writer)
  }
}

/** One COPY of all lines of a kind, in the order of the events. */
async function copyLines<Line>(
  client: pg.PoolClient,
  writer: CopyWriter,
  table: RatedTable<Line>,
  events: readonly RatedEvent[],
  linesOf: (rated: RatedEvent) => readonly Line[],
): Promise<void> {
  let rows = 0
  writer.rewind()
  for (const rated of events) {
    const lines = linesOf(rated)
    const from = writer.position
    let keyEnd = from
    for (let no = 0; no < lines.length; no++) {
      if (no === 0) {
        writer.row(KEY.length + table.columns.length)
        writeColumns(writer, KEY, null, rated, no)
        keyEnd = writer.position
      } else {
        writer.again(from, keyEnd)
      }
      writeColumns(writer, table.columns, lines[no]!, rated, no)
      rows++
    }
  }
  if (rows === 0) return
  const names = [...KEY, ...table.columns].map((column) => column.name).join(', ')
  await copyInto(client, `aforo_store.${table.name} (${names})`, writer.finish())
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
