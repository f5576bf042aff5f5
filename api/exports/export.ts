import { Readable } from 'node:stream'
import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import { cancelOnAbort } from '../../schema/cancel.ts'
import { databaseFault } from '../../schema/faults.ts'
import { pagesOf } from '../../schema/pages.ts'
import { type ExportFormat, type ExportRow, headOf, linesOf } from './format.ts'
import { EXPORTS, type ExportName, exportQuery } from './kinds.ts'

export interface ExportOrder {
  readonly tenantId: TenantId
  readonly name: ExportName
  readonly format: ExportFormat
  readonly from: string | null
  readonly to: string | null
  readonly customer: string | null
}

/** Rows in memory: one page is written while none is read. */
const PAGE_ROWS = 500
/** Exports at once in one process: each holds a connection for as long as its client reads. */
export const EXPORTS_MAX = 4
/** A client that takes nothing for this long is given up: it holds a snapshot of the database. */
const EXPORT_STALL_MS = 60_000

let running = 0

/**
 * An export as a stream of text. Read from the database as it was at one instant, page by page, and never faster than
 * it is taken. Its end, an abort, or a reader that stands still gives the connection back and ends the query.
 *
 * @throws AforoError `unavailable` where too many run, or the database is away: before the first byte
 */
export async function openExport(
  pool: pg.Pool,
  order: ExportOrder,
  signal: AbortSignal,
  stallMs: number = EXPORT_STALL_MS,
): Promise<Readable> {
  if (running >= EXPORTS_MAX) throw new AforoError('unavailable', `${EXPORTS_MAX} exports are running`)
  running++
  const chunks = counted(chunksOf(pool, order, signal))
  const first = await chunks.next()
  const stalled = new AbortController()
  const taken = takenInTime(first, chunks, () => stalled.abort(), stallMs)
  const stream = Readable.from(taken, { signal: AbortSignal.any([signal, stalled.signal]) })
  // Also of a stream that nobody began to read.
  stream.once('close', () => void chunks.return())
  return stream
}

async function* counted(chunks: AsyncGenerator<string, void, void>): AsyncGenerator<string, void, void> {
  try {
    yield* chunks
  } finally {
    running--
  }
}

/** The chunk that was read already, and the others; each is given so long to be taken. */
async function* takenInTime(
  first: IteratorResult<string, void>,
  others: AsyncGenerator<string, void, void>,
  giveUp: () => void,
  stallMs: number,
): AsyncGenerator<string, void, void> {
  let timer: NodeJS.Timeout | undefined
  try {
    for (let next = first; !next.done; next = await others.next()) {
      timer = setTimeout(giveUp, stallMs)
      yield next.value
      clearTimeout(timer)
    }
  } finally {
    clearTimeout(timer)
  }
}

async function* chunksOf(
  pool: pg.Pool,
  { tenantId, name, format, from, to, customer }: ExportOrder,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const kind = EXPORTS[name]
  const client = await pool.connect().catch((error: unknown) => {
    throw databaseFault(error)
  })
  // A connection that is lost fails the statement under way or the next one.
  client.on('error', ignore)
  let quiet = async () => {}
  try {
    await client.query('begin isolation level repeatable read, read only')
    await client.query('set local idle_in_transaction_session_timeout = 0')
    quiet = await cancelOnAbort(pool, client, signal)
    const values = [tenantId, from, to, customer]
    // The head goes with the first page, so that a fault of the query comes before any byte.
    let head = headOf(format, kind.columns)
    for await (const page of pagesOf<ExportRow>(client, exportQuery(kind), values, PAGE_ROWS)) {
      yield head + linesOf(format, kind.columns, page)
      head = ''
    }
    if (head !== '') yield head
  } catch (error) {
    throw databaseFault(error)
  } finally {
    await quiet()
    const lost = await client.query('rollback').then(
      () => undefined,
      (error: Error) => error,
    )
    client.off('error', ignore)
    client.release(lost)
  }
}

function ignore(): void {}
