import { createHash } from 'node:crypto'
import type pg from 'pg'
import { canonicalJson } from '../core/canonical-json.ts'
import { AforoError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import { lockName } from './queries/lock.ts'
import type { Answer } from './route.ts'

const KEY = /^[\x21-\x7e]{1,255}$/

/** Who repeats what: the key counts within a tenant and an endpoint. */
export interface Repeatable {
  readonly tenantId: TenantId
  /** Method and path, ids included. */
  readonly endpoint: string
  /** Header Idempotency-Key. */
  readonly key: string | undefined
  readonly body: unknown
}

/**
 * Does the work once per key. The same key with the same body gets the first answer again; with another body it is a
 * `conflict`. The answer is stored in the transaction of the work, so one is never there without the other; work that
 * fails leaves no trace, and its key is free. Two at once: the second waits for the first.
 */
export async function once(
  client: pg.PoolClient,
  request: Repeatable,
  now: Date,
  work: () => Promise<Answer>,
): Promise<Answer & { repeated: boolean }> {
  const { tenantId, endpoint, key } = request
  if (key === undefined) return { ...(await work()), repeated: false }
  if (!KEY.test(key)) {
    throw new AforoError('invalid_argument', 'Idempotency-Key must be 1 to 255 printable ASCII characters')
  }
  const bodyHash = createHash('sha256')
    .update(canonicalJson(request.body ?? null))
    .digest('hex')
  await lockName(client, ['idempotency', tenantId, endpoint, key])
  const first = await readFirst(client, request)
  if (first && first.bodyHash !== bodyHash) {
    throw new AforoError('conflict', 'this Idempotency-Key was used with another body')
  }
  if (first) return { status: first.status, body: JSON.parse(first.response), repeated: true }
  const answer = await work()
  await client.query(
    `insert into aforo_store.idempotency_keys (tenant_id, endpoint, key, body_hash, status, response, recorded_at)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [tenantId, endpoint, key, bodyHash, answer.status, JSON.stringify(answer.body), now],
  )
  return { ...answer, repeated: false }
}

interface FirstAnswer {
  readonly bodyHash: string
  readonly status: number
  readonly response: string
}

async function readFirst(client: pg.PoolClient, request: Repeatable): Promise<FirstAnswer | undefined> {
  const { rows } = await client.query<FirstAnswer>(
    `select body_hash as "bodyHash", status, response from aforo_store.idempotency_keys
     where tenant_id = $1 and endpoint = $2 and key = $3`,
    [request.tenantId, request.endpoint, request.key],
  )
  return rows[0]
}
