import type { UnixNano } from '../../core/time.ts'
import type { Usage } from '../../core/usage.ts'

/** Clocks of one process: spans of JavaScript begin on whole milliseconds. */
export const SAME_CLOCK_SLACK_NANO: UnixNano = 1_500_000n
/** Clocks of two services. */
const OTHER_CLOCK_SLACK_NANO: UnixNano = 5_000_000_000n

/** Shorter response ids are counters or handwritten. */
const RESPONSE_ID_LENGTH_MIN = 16

const LOW_ENTROPY = /^(?:chatcmpl-\d{1,6}$|resp_\d{1,6}$|aitxt-|run_|thread_|interaction)/

/** Whether a response id alone makes it unlikely that two different calls carry it. */
export function isHighEntropy(responseId: string | null): responseId is string {
  return responseId !== null && responseId.length >= RESPONSE_ID_LENGTH_MIN && !LOW_ENTROPY.test(responseId)
}

/** Whether the id names a run of several requests. */
export function isRunId(responseId: string | null): responseId is string {
  return responseId?.startsWith('run_') ?? false
}

/** Two different ids, both strong enough to tell calls apart, minted in the same way. */
export function areDistinctIds(a: string | null, b: string | null): boolean {
  if (!isHighEntropy(a) || !isHighEntropy(b) || a === b) return false
  return mintOf(a) === mintOf(b)
}

/** When something was seen, and in which process. */
export type Seen = Pick<Usage, 'startNano' | 'endNano' | 'serviceName' | 'serviceInstance'>

/** Whether one span observed from within the other, clock slack allowed. */
export function isWithin(inner: Seen, outer: Seen): boolean {
  // Sums of instants are objects: most pairs need none.
  const begins = inner.startNano >= outer.startNano
  const ends = inner.endNano <= outer.endNano
  if (begins && ends) return true
  const slack = slackOf(inner, outer)
  return (
    (begins || inner.startNano >= outer.startNano - slack) && (ends || inner.endNano <= outer.endNano + slack)
  )
}

/** The same without slack for clocks, and of two that last equally long of neither. */
export function isStrictlyWithin(inner: Times, outer: Times): boolean {
  return (
    inner.startNano >= outer.startNano &&
    inner.endNano <= outer.endNano &&
    inner.endNano - inner.startNano < outer.endNano - outer.startNano
  )
}

/**
 * Whether two observations of one process may be of one call: one within the other, or beginning and ending, together, no
 * further apart than either lasts. Callbacks that wait in a queue behind slow ones tell both ends of a call late.
 */
export function isSeenTogether(a: Seen, b: Seen): boolean {
  if (isWithin(a, b) || isWithin(b, a)) return true
  const distance = apart(a, b)
  return distance <= a.endNano - a.startNano && distance <= b.endNano - b.startNano
}

/** How much later than another, both ends together, a callback tells of a call on a busy machine. */
const LATE_NANO: UnixNano = 250_000_000n

/** The same of two that tell the same tokens: calls shorter than a busy machine is late need only share some of their time. */
export function isSeenTogetherOrLate(a: Seen, b: Seen): boolean {
  if (isSeenTogether(a, b)) return true
  return a.startNano < b.endNano && b.startNano < a.endNano && apart(a, b) <= LATE_NANO
}

/** How far apart two observations begin and end, together. */
export function apart(a: Times, b: Times): UnixNano {
  return magnitude(a.startNano - b.startNano) + magnitude(a.endNano - b.endNano)
}

export type Times = Pick<Usage, 'startNano' | 'endNano'>

export function magnitude(nanos: UnixNano): UnixNano {
  return nanos < 0n ? -nanos : nanos
}

/** Whether two observations ran at once, as far as their clocks can tell. */
export function overlap(a: Seen, b: Seen): boolean {
  const slack = slackOf(a, b)
  return a.startNano <= b.endNano + slack && b.startNano <= a.endNano + slack
}

/** A child begins while its parent runs; one that begins later only inherited a context that was never closed. */
export function beginsWithin(inner: Seen, outer: Seen): boolean {
  const slack = isOneProcess(inner, outer) ? 0n : OTHER_CLOCK_SLACK_NANO
  if (inner.startNano < outer.startNano - slack) return false
  // A span without duration contains what begins with it.
  return inner.startNano < outer.endNano + slack || inner.startNano === outer.startNano
}

/** Whether one clock timed both. */
export function isOneProcess(a: Seen, b: Seen): boolean {
  return a.serviceName === b.serviceName && a.serviceInstance === b.serviceInstance
}

type ModelNames = Pick<Usage, 'responseModel' | 'requestModel'>

/** Whether two spans may speak of one model: `gpt-4o-mini`, `gpt-4o-mini-2024-07-18` and `openai/gpt-4o-mini`. */
export function modelsAgree(a: ModelNames, b: ModelNames): boolean {
  return (
    areOneName(a.responseModel, b.responseModel) ||
    areOneName(a.responseModel, b.requestModel) ||
    areOneName(a.requestModel, b.responseModel) ||
    areOneName(a.requestModel, b.requestModel)
  )
}

function areOneName(a: string | null, b: string | null): boolean {
  if (a === null || b === null) return false
  return a === b || isNameOf(a, b) || isNameOf(b, a)
}

/** One may have a date or a version behind it, and the maker or the region before it, as `us.anthropic.` of Bedrock. */
function isNameOf(short: string, long: string): boolean {
  if (long.startsWith(short)) return true
  const at = short === '' ? -1 : long.indexOf(short)
  if (at < 1) return false
  return /[./]/.test(long[at - 1]!) && /^(?:$|[-:@.])/.test(long.slice(at + short.length))
}

function slackOf(a: Seen, b: Seen): UnixNano {
  return isOneProcess(a, b) ? SAME_CLOCK_SLACK_NANO : OTHER_CLOCK_SLACK_NANO
}

function mintOf(responseId: string): string {
  return /^[a-z]+[-_]/i.exec(responseId)?.[0] ?? ''
}
