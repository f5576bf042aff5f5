import type { CheckRequest } from '../../core/decision.ts'
import { checkRequest } from '../request.ts'

const TEXTS = ['customer', 'session', 'product', 'agent', 'model', 'trace', 'idempotency_key'] as const
const ESTIMATES = ['input_tokens', 'max_output_tokens', 'tool_calls'] as const

/** What may be asked in words that are names and values, each of them text. */
export const PARAMETERS = [...TEXTS, ...ESTIMATES, 'reserve', 'ttl_ms'] as const
export type Parameter = (typeof PARAMETERS)[number]

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

/** Whether a status may be the answer to a call that is denied. */
export const DENY_STATUSES = { '402': 402, '403': 403, '429': 429 } as const
export type DenyStatus = (typeof DENY_STATUSES)[keyof typeof DENY_STATUSES]

/** The status that denies, as it is asked for; undefined where what is asked for is none. */
export function denyStatus(asked: string | undefined): DenyStatus | undefined {
  if (!asked) return 403
  return Object.hasOwn(DENY_STATUSES, asked) ? DENY_STATUSES[asked as keyof typeof DENY_STATUSES] : undefined
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
