import type { CheckRequest } from '../../core/decision.ts'
import { checkRequest, refuse } from '../server/request.ts'

const TEXTS = ['customer', 'session', 'product', 'agent', 'model', 'trace', 'idempotency_key'] as const
const ESTIMATES = ['input_tokens', 'max_output_tokens', 'tool_calls'] as const

/** What may be asked in words that are names and values, each of them text. */
export const PARAMETERS = [...TEXTS, ...ESTIMATES, 'reserve', 'ttl_ms'] as const
type Parameter = (typeof PARAMETERS)[number]

/** What is stated of a parameter; undefined: nothing. */
export type Stated = (parameter: Parameter) => string | undefined

/**
 * A check out of parameters. Empty is absent: a proxy writes an empty value where its variable has none.
 * Throws `invalid_argument` with every fault.
 */
export function askedOf(stated: Stated): CheckRequest {
  const body: Record<string, unknown> = {}
  const estimate: Record<string, string> = {}
  for (const name of TEXTS) {
    const value = stated(name)
    if (value) body[name] = value
  }
  for (const name of ESTIMATES) {
    const value = stated(name)
    if (value) estimate[name] = value
  }
  if (Object.keys(estimate).length > 0) body.estimate = estimate
  const reserve = stated('reserve')
  if (reserve) body.reserve = reserve === 'true' ? true : reserve === 'false' ? false : reserve
  const ttlMs = stated('ttl_ms')
  if (ttlMs) body.ttl_ms = /^\d{1,15}$/.test(ttlMs) ? Number(ttlMs) : ttlMs
  return checkRequest(body)
}

/** The header that states a parameter: `x-aforo-input-tokens`. */
export function headerOf(parameter: string): string {
  return `x-aforo-${parameter.replaceAll('_', '-')}`
}

/** Parameters of a proxy besides those of a check. */
export type AuthzWord = Parameter | 'deny' | 'product_path'

/** The statuses that may deny: which of them a proxy passes on is its own matter. */
const DENY_STATUSES: Readonly<Record<string, number>> = { 402: 402, 403: 403, 429: 429 }
const DENY_STATUS = 403
/** A path has no segment beyond this that anybody would name a product by. */
const SEGMENT = /^[1-9]$/

/**
 * What a proxy asks about a request with this path, and the status that denies it. The product may be a segment of the
 * path. Throws `invalid_argument`.
 */
export function askedByProxy(
  stated: (word: AuthzWord) => string | undefined,
  path: string,
): { asked: CheckRequest; denyWith: number } {
  const denyWith = DENY_STATUSES[stated('deny') || DENY_STATUS]
  if (denyWith === undefined) refuse([{ path: '/deny', message: 'must be 402, 403 or 429' }])
  const product = stated('product') || productOf(stated('product_path'), path)
  const asked = askedOf((parameter) => (parameter === 'product' ? product : stated(parameter)))
  return { asked, denyWith }
}

function productOf(nth: string | undefined, path: string): string | undefined {
  if (!nth) return undefined
  if (!SEGMENT.test(nth)) refuse([{ path: '/product_path', message: 'must be a whole number from 1 to 9' }])
  return segmentOf(path, Number(nth))
}

/** The n-th segment of a path, from 1, decoded; undefined where there is none, or it cannot be decoded. */
export function segmentOf(path: string, nth: number): string | undefined {
  const segment = path.split('?', 1)[0]!.split('/', nth + 1)[nth]
  if (!segment) return undefined
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
