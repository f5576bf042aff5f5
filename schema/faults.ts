import { AforoError, asAforoError } from '../core/errors.ts'

/**
 * Faults of a database that pass by themselves: the same statement may succeed later. By SQLSTATE, or the first two
 * characters of it for a whole class, or Node's code where the server was not reached.
 */
export const PASSING_CODES: ReadonlySet<string> = new Set([
  '08', // connection exceptions
  '25006', // read_only_sql_transaction: a replica answered, as it does during a fail-over
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '53', // insufficient resources: disk, memory, connections
  '55P03', // lock_not_available
  '57014', // query_canceled: the statement timeout
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now: starting or recovering
  '57P05', // idle_session_timeout
  '58030', // io_error
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** What pg says of a connection it lost or did not get; these have no code. */
const PASSING_WORDS: readonly RegExp[] = [
  /^timeout exceeded when trying to connect/,
  /^timeout expired$/,
  /^Connection terminated/,
  /^Query read timeout/,
  /^Client has encountered a connection error/,
  /^Client was closed and is not queryable/,
]

/** Ours as it is; `unavailable` for a passing fault of the database, and otherwise `internal` around the cause. */
export function databaseFault(error: unknown): AforoError {
  if (error instanceof AforoError) return error
  if (!isPassing(error)) return asAforoError(error)
  return new AforoError('unavailable', 'the database is not available', { cause: error })
}

/** Whether the same statement may succeed later, also when another error (drizzle's) is wrapped around the fault. */
export function isPassing(error: unknown): boolean {
  for (const at of causesOf(error)) {
    const code = codeOf(at)
    if (code !== undefined) return isPassingCode(code)
    const { message } = at
    if (PASSING_WORDS.some((words) => words.test(message))) return true
  }
  return false
}

/**
 * Whether transactions stood in each other's way and this one gave way: a deadlock, a serialization failure, or a lock
 * that was not to be had in the time given. The database itself is well, and the same transaction may be tried again.
 */
export function gaveWay(error: unknown): boolean {
  return causesOf(error).some((at) => GAVE_WAY_CODES.has(codeOf(at) ?? ''))
}

const GAVE_WAY_CODES: ReadonlySet<string> = new Set(['40001', '40P01', '55P03'])
const CAUSES_MAX = 5

/** An error and what is behind it. */
function causesOf(error: unknown): readonly Error[] {
  const causes: Error[] = []
  for (let at = error; at instanceof Error && causes.length < CAUSES_MAX; at = at.cause) causes.push(at)
  return causes
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function isPassingCode(code: string): boolean {
  if (PASSING_CODES.has(code)) return true
  return /^[0-9A-Z]{5}$/.test(code) && PASSING_CODES.has(code.slice(0, 2))
}
