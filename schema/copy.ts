import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'

/** Copies a finished stream of a `CopyWriter` into columns of a table, e.g. `aforo_store.events (tenant_id, …)`. */
export function copyInto(client: pg.PoolClient, target: string, stream: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const sink = client.query(copyFrom(`copy ${target} from stdin (format binary)`))
    sink.on('error', reject)
    sink.on('finish', resolve)
    sink.end(stream)
  })
}
