import type { IncomingMessage } from 'node:http'
import type { Credentials } from '../schema/access.ts'

/**
 * What a request shows at the door. Read from the headers as they came: to make an object of all of them, as
 * `request.headers` does, costs more than the decision.
 */
export function credentialsOf({ rawHeaders }: IncomingMessage): Credentials {
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

const AUTHORIZATION = 'authorization'
const TENANT = 'x-aforo-tenant'
