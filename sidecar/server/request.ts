import type { CheckRequest, Estimate } from '../../core/decision.ts'
import { AforoError, type FieldFault } from '../../core/errors.ts'
import type { Actual } from '../../core/lease.ts'
import { isPlausible, nanoOfMillis, type UnixMillis } from '../../core/time.ts'
import { storable } from '../../schema/copy-writer.ts'

/** How long a hold may be asked for. */
const HOLD_MS_MIN = 1_000
const HOLD_MS_MAX = 86_400_000
const NAME_CHARS_MAX = 256
/** What is told of a body that is wrong all over is no larger than a right one may be. */
export const FAULTS_TOLD_MAX = 20
const PATH_CHARS_TOLD_MAX = 64
/** Nobody can use more of anything in one call. */
const COUNT = /^\d{1,12}$/
const AMOUNT = /^\d{1,15}(\.\d{1,18})?$/
/** Most names are; the other question is dearer. */
const PLAIN = /^[\x20-\x7e]*$/
const CONTROL = /[\p{Cc}\p{Cs}]/u
const TRACE = /^(?!0{32})[0-9a-f]{32}$/
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

const SPENT_BY = ['session', 'product', 'agent'] as const
const NAMES = ['model', 'idempotency_key'] as const
const FIELDS: ReadonlySet<string> = new Set([
  'customer',
  ...SPENT_BY,
  ...NAMES,
  'trace',
  'started_at',
  'estimate',
  'reserve',
  'work',
  'ttl_ms',
])
const SWITCHES = ['reserve', 'work'] as const
const ESTIMATES = ['input_tokens', 'max_output_tokens', 'tool_calls', 'model_calls'] as const
const COUNTS = ['input_tokens', 'output_tokens', 'tool_calls'] as const
const AMOUNTS = ['price', 'cogs', 'credits', 'tokens', 'model_calls', 'reasoning_steps'] as const

type Fields = Record<string, unknown>

/**
 * Reads the body of a check. Every fault is told, not the first alone. Throws `invalid_argument`.
 * @param now by which it is judged whether a trace can have begun already; doors have no field that says when one did
 */
export function checkRequest(body: unknown, now: UnixMillis = 0): CheckRequest {
  const faults: FieldFault[] = []
  const fields = fieldsOf(body)
  for (const field in fields) if (!FIELDS.has(field)) faults.push(fault(field, 'is no field of a check'))
  const request: { -readonly [K in keyof CheckRequest]?: CheckRequest[K] } = {}
  const { customer, trace, started_at: startedAt, estimate, ttl_ms: ttlMs } = fields
  if (isName(customer)) request.customer = customer
  else faults.push(fault('customer', NAME_RULE))
  for (const field of SPENT_BY) {
    const value = fields[field]
    if (value === undefined || value === null) continue
    const name = keptName(value)
    if (name !== null) request[field] = name
    else faults.push(fault(field, KEPT_NAME_RULE))
  }
  for (const field of NAMES) {
    const value = fields[field]
    if (value === undefined || value === null) continue
    if (isName(value)) request[field] = value
    else faults.push(fault(field, NAME_RULE))
  }
  if (trace !== undefined && trace !== null) {
    const hex = typeof trace === 'string' ? trace.toLowerCase() : ''
    if (TRACE.test(hex)) request.trace = hex
    else faults.push(fault('trace', 'must be 32 hex digits, not all zero'))
  }
  if (startedAt !== undefined && startedAt !== null) {
    const instant =
      typeof startedAt === 'string' && INSTANT.test(startedAt) ? Date.parse(startedAt) : Number.NaN
    if (!Number.isNaN(instant) && isPlausible(nanoOfMillis(instant), nanoOfMillis(now)))
      request.started_at = new Date(instant).toISOString()
    else faults.push(fault('started_at', INSTANT_RULE))
  }
  if (estimate !== undefined && estimate !== null) {
    request.estimate = countsOf(estimate, 'estimate', ESTIMATES, [], faults) as Estimate
    if (/^0+$/.test(request.estimate.model_calls ?? '1'))
      faults.push(fault('estimate/model_calls', 'must be at least 1'))
  }
  for (const field of SWITCHES) {
    const value = fields[field]
    if (value === undefined || value === null) continue
    if (typeof value === 'boolean') request[field] = value
    else faults.push(fault(field, 'must be true or false'))
  }
  if (ttlMs !== undefined && ttlMs !== null) {
    if (Number.isInteger(ttlMs) && (ttlMs as number) >= HOLD_MS_MIN && (ttlMs as number) <= HOLD_MS_MAX) {
      request.ttl_ms = ttlMs as number
    } else faults.push(fault('ttl_ms', `must be a whole number from ${HOLD_MS_MIN} to ${HOLD_MS_MAX}`))
  }
  if (faults.length > 0) refuse(faults)
  return request as CheckRequest
}

/** Reads what a hold came to. Absent: nobody knows yet. Throws `invalid_argument`. */
export function actualOf(body: unknown): Actual {
  const faults: FieldFault[] = []
  const fields = fieldsOf(body ?? {})
  for (const field in fields) if (field !== 'actual') faults.push(fault(field, 'is no field of a settlement'))
  const { actual } = fields
  const found =
    actual === undefined || actual === null
      ? {}
      : (countsOf(actual, 'actual', COUNTS, AMOUNTS, faults) as Actual)
  if ((found.input_tokens === undefined) !== (found.output_tokens === undefined)) {
    faults.push(fault('actual', 'input_tokens and output_tokens come together'))
  }
  if (faults.length > 0) refuse(faults)
  return found
}

/** Throws `invalid_argument` with all that is amiss, as far as an answer reaches. */
export function refuse(faults: readonly FieldFault[]): never {
  const told = faults.slice(0, FAULTS_TOLD_MAX)
  const list = told.map(({ path, message }) => `${path} ${message}`).join('; ')
  const more = faults.length > told.length ? `; and ${faults.length - told.length} more` : ''
  throw new AforoError('invalid_argument', list + more, { faults: told })
}

/** Something that names a customer, session and the like: anything that can be printed. */
export function isName(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > NAME_CHARS_MAX) return false
  return PLAIN.test(value) || !CONTROL.test(value)
}

/**
 * The name of a session, product or agent as the journal keeps it of spans, however long it is and whatever is in it: those
 * who use an agent may choose it, and nobody is to escape a budget by a name that cannot be asked about. Null: it is none.
 */
export function keptName(value: unknown): string | null {
  if (isName(value)) return value
  return typeof value === 'string' && value.length > 0 ? storable(value) : null
}

export const KEPT_NAME_RULE = 'must be text of at least one character'
export const NAME_RULE = `must be text of 1 to ${NAME_CHARS_MAX} characters, none of them a control character`

function fieldsOf(body: unknown): Fields {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Fields
  throw new AforoError('invalid_argument', 'the body must be a JSON object')
}

/** Counts may be numbers too, as providers state them. */
function countsOf(
  value: unknown,
  path: string,
  counts: readonly string[],
  amounts: readonly string[],
  faults: FieldFault[],
): Fields {
  const found: Fields = {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    faults.push(fault(path, 'must be an object'))
    return found
  }
  for (const [field, given] of Object.entries(value)) {
    if (given === null || given === undefined) continue
    const text = Number.isSafeInteger(given) ? String(given) : given
    const isCount = counts.includes(field)
    if (!isCount && !amounts.includes(field)) faults.push(fault(`${path}/${field}`, 'is not known'))
    else if (typeof text === 'string' && (isCount ? COUNT : AMOUNT).test(text)) found[field] = text
    else faults.push(fault(`${path}/${field}`, isCount ? COUNT_RULE : AMOUNT_RULE))
  }
  return found
}

const INSTANT_RULE =
  'must be an instant like 2026-11-30T23:59:58Z, from 2020 to 24 hours ahead, as those of spans are'
const COUNT_RULE = 'must be a whole number from 0, at most 12 digits'
const AMOUNT_RULE = 'must be a decimal string from 0, at most 15 digits and 18 decimals'

function fault(path: string, message: string): FieldFault {
  return { path: `/${path.slice(0, PATH_CHARS_TOLD_MAX)}`, message }
}
