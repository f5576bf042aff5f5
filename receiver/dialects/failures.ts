import type { Usage } from '../../core/usage.ts'

/** HTTP statuses after which the provider may have worked, and may bill, all the same. */
const OPEN_STATUSES = new Set(['408', '499', '504'])

/** Words in error types of requests that were refused before a token was generated. */
const REFUSALS = [
  'no_answer',
  'ratelimit',
  'rate_limit',
  'toomanyrequests',
  'throttl',
  'quota',
  'resourceexhausted',
  'resource_exhausted',
  'badrequest',
  'bad_request',
  'invalid_request',
  'invalidrequest',
  'invalid_argument',
  'invalidargument',
  'validationexception',
  'httpvalidationerror',
  'authentication',
  'unauthorized',
  'unauthenticated',
  'permission',
  'accessdenied',
  'forbidden',
  'billing_error',
  'notfound',
  'not_found',
  'unprocessable',
  'conflicterror',
  'request_too_large',
  'internalserver',
  'api_error',
  'overloaded',
  'serviceunavailable',
  'econnrefused',
  'enotfound',
  'apiconnectionerror',
  'connectionerror',
  'connecterror',
] as const

/** A call that failed before anything was generated: nothing was consumed, so nothing is missing. */
export function isRefused(usage: Usage): boolean {
  if (usage.metered || !usage.failed || usage.errorType === null) return false
  const errorType = usage.errorType
  if (usage.responseId !== null) return isRefusal(errorType)
  if (/^[45]\d\d$/.test(errorType)) return !OPEN_STATUSES.has(errorType)
  const word = errorType.toLowerCase()
  if (isTimeout(word)) return false
  return REFUSALS.some((refusal) => word.includes(refusal))
}

/** Why a call has no usage, for the list of exceptions. */
export function unmeteredReason(usage: Usage): string {
  if (!usage.failed) return 'no_usage'
  const word = (usage.errorType ?? '').toLowerCase()
  if (OPEN_STATUSES.has(word) || isTimeout(word)) return 'timed_out'
  if (usage.responseId !== null || /abort|cancel|stream|reset|closed/.test(word)) return 'stream_aborted'
  return 'failed'
}

/** Whether no answer can have begun: an id beside such a status was made by the client. 429 may end a stream. */
function isRefusal(status: string): boolean {
  return /^4\d\d$/.test(status) && status !== '429' && !OPEN_STATUSES.has(status)
}

function isTimeout(word: string): boolean {
  return /time_?d?_?out|deadline/.test(word)
}
