import type { Request } from 'express'
import type { z } from 'zod'
import { AforoError, type ErrorCode, type FieldFault } from '../core/errors.ts'
import { faultsOf } from '../core/faults.ts'
import type { Route } from './route.ts'

/**
 * Path, query and body, each checked by the route's fields; all faults are reported together.
 * @throws AforoError `not_found` where the path names what cannot be; of a PUT, which would make it, `invalid_argument`
 */
export function checkedInput(
  route: Pick<Route, 'method' | 'pathFields' | 'queryFields' | 'bodyFields'>,
  request: Request,
): { path: unknown; query: unknown; body: unknown } {
  const faults: FieldFault[] = []
  const path = check(route.pathFields, request.params, faults)
  if (faults.length > 0 && route.method !== 'put') throw refusal('not_found', faults)
  const checked = {
    path,
    query: check(route.queryFields, request.query, faults),
    body: route.bodyFields ? check(route.bodyFields, bodyOf(request), faults) : undefined,
  }
  if (faults.length > 0) throw refusal('invalid_argument', faults)
  return checked
}

function refusal(code: ErrorCode, faults: readonly FieldFault[]): AforoError {
  return new AforoError(code, faults.map(({ path, message }) => `${path} ${message}`.trim()).join('; '), {
    faults,
  })
}

function check(fields: z.ZodType, value: unknown, faults: FieldFault[]): unknown {
  const result = fields.safeParse(value)
  if (result.success) return result.data
  faults.push(...faultsOf(result.error.issues))
  return undefined
}

/** An absent body stands for an empty one. Anything but JSON was refused before. */
function bodyOf(request: Request): unknown {
  return request.body === undefined ? {} : request.body
}
