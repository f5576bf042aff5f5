import type { Credentials } from '../../schema/access.ts'
import { refuse } from './request.ts'

/** The headers of a request as they came: names and values in turn. */
export interface RawHead {
  readonly rawHeaders: readonly string[]
}

/**
 * What a request shows at the door. Read from the headers as they came: to make an object of all of them, as
 * `request.headers` does, costs more than the decision.
 */
export function credentialsOf({ rawHeaders }: RawHead): Credentials {
  let authorization: string | undefined
  let tenantHeader: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const { length } = rawHeaders[i]!
    // Of several the first counts, or all of them joined, as node has it.
    if (length === AUTHORIZATION.length && rawHeaders[i]!.toLowerCase() === AUTHORIZATION)
      authorization ??= rawHeaders[i + 1]
    else if (length === TENANT.length && rawHeaders[i]!.toLowerCase() === TENANT)
      tenantHeader = tenantHeader === undefined ? rawHeaders[i + 1] : `${tenantHeader}, ${rawHeaders[i + 1]}`
  }
  return { authorization, tenantHeader }
}

/** Of a check over HTTP: the body, with the key that its header names. A body that names another is refused. */
export function withKeyOf({ rawHeaders }: RawHead, body: unknown): unknown {
  let key: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.length === KEY.length && rawHeaders[i]!.toLowerCase() === KEY)
      key ??= rawHeaders[i + 1]
  }
  if (key === undefined || typeof body !== 'object' || body === null || Array.isArray(body)) return body
  const stated = (body as { readonly idempotency_key?: unknown }).idempotency_key ?? key
  if (stated === key) return { ...body, idempotency_key: key }
  return refuse([{ path: '/idempotency_key', message: 'is not what the header Idempotency-Key says' }])
}

const KEY = 'idempotency-key'
const AUTHORIZATION = 'authorization'
const TENANT = 'x-aforo-tenant'
