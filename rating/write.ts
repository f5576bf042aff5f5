import type pg from 'pg'
import type { RatedEvent } from './rate-event.ts'
import { RatedRows } from './rated-rows.ts'

/** Writes the rows of a batch and takes its revisions off the queue. */
export async function writeRatings(
  client: pg.PoolClient,
  rows: RatedRows,
  events: readonly RatedEvent[],
): Promise<void> {
  await rows.copy(client)
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

/** Rows that have grown beyond this are not kept. */
export const BYTES_KEPT_MAX = 8 * 1024 * 1024

/** Memory for the rows of batches that nobody uses: of that size it is dear to get and to give back for every batch. */
export class SpareRows {
  readonly #spare: RatedRows[] = []
  readonly #max: number

  /** @param max that are kept */
  constructor(max: number) {
    this.#max = max
  }

  take(): RatedRows {
    return this.#spare.pop() ?? new RatedRows()
  }

  /** Only of rows that are with the database: who failed keeps them. */
  giveBack(rows: RatedRows): void {
    if (rows.capacity <= BYTES_KEPT_MAX && this.#spare.length < this.#max) this.#spare.push(rows)
  }
}
