import type { CheckRequest, Decision } from '../../../core/decision.ts'
import { asAforoError } from '../../../core/errors.ts'
import type { Checker } from '../../checker.ts'
import { isName, refuse } from '../../server/request.ts'
import { askedOf } from '../asked.ts'
import type { DoorMetrics } from '../metrics.ts'
import { countedOf, type Header, lets, limitHeaders, type Quota, toldHeaders, waitSeconds } from '../told.ts'
import type {
  DescriptorStatus,
  RateLimitDescriptor,
  RateLimitRequest,
  RateLimitResponse,
} from './messages.ts'

const DOOR = 'rate_limit'
export const DESCRIPTORS_MAX = 32
export const ENTRIES_MAX = 32
const UINT32_MAX = 4_294_967_295n
/** An entry that tells how a hold ended, after the response. */
const HOLD_ENTRY = 'hold_id'

const UNITS: Partial<Record<Quota['window'], 'HOUR' | 'DAY' | 'MONTH'>> = {
  hour: 'HOUR',
  day: 'DAY',
  month: 'MONTH',
}

interface Answered {
  readonly status: DescriptorStatus
  readonly holdId?: string | undefined
  readonly told: readonly Header[]
  readonly limits: readonly Header[]
}

const OK: Answered = { status: { code: 'OK' }, told: [], limits: [] }

/**
 * Answers Envoy's ShouldRateLimit. Each descriptor is a check whose parameters are its entries; over the limit of one is
 * over the limit. What a response used (`hits_addend`) is in no case booked here: usage comes from the span, and would
 * count twice. A descriptor with `hold_id` settles that hold with it as tokens, which counts until the span is there.
 * Bad entries are over the limit; a fault of ours rejects.
 */
export async function answerRateLimit(
  request: RateLimitRequest,
  checker: Checker,
  metrics: DoorMetrics,
): Promise<RateLimitResponse> {
  const { descriptors = [], hits_addend: hits = 0 } = request
  if (descriptors.length === 0 || descriptors.length > DESCRIPTORS_MAX) {
    refuse([{ path: '/descriptors', message: `must be 1 to ${DESCRIPTORS_MAX}` }])
  }
  const answers: Answered[] = []
  try {
    for (const descriptor of descriptors) {
      answers.push(await answerDescriptor(descriptor, checker, hits, metrics))
    }
  } catch (error) {
    await releaseAll(answers, checker)
    throw error
  }
  const over = answers.find(({ status }) => status.code === 'OVER_LIMIT')
  // All or none: what one descriptor held is free again where another one is over its limit.
  if (over) await releaseAll(answers, checker)
  const { told, limits } = over ?? answers.find(({ holdId }) => holdId !== undefined) ?? answers[0]!
  return {
    overall_code: over ? 'OVER_LIMIT' : 'OK',
    statuses: answers.map(({ status }) => status),
    response_headers_to_add: [...limits, ...(over ? told : [])].map(headerValue),
    request_headers_to_add: over ? [] : told.map(headerValue),
  }
}

async function answerDescriptor(
  descriptor: RateLimitDescriptor,
  checker: Checker,
  hits: number,
  metrics: DoorMetrics,
): Promise<Answered> {
  let asked: CheckRequest
  try {
    const entries = entriesOf(descriptor)
    const holdId = entries.get(HOLD_ENTRY)
    if (holdId !== undefined) {
      const settled = await settle(checker, holdId, descriptor.hits_addend?.value ?? String(hits))
      metrics.answered(DOOR, settled ? 'settled' : 'not_found')
      return OK
    }
    asked = askedOf((parameter) => entries.get(parameter))
  } catch (thrown) {
    const { code } = asAforoError(thrown)
    if (code !== 'invalid_argument') throw thrown
    metrics.answered(DOOR, code)
    return { status: { code: 'OVER_LIMIT' }, told: [['x-aforo-reason', code]], limits: [] }
  }
  const decision = await checker.check(asked)
  metrics.answered(DOOR, decision.decision)
  const quota = checker.quotaOf(asked, decision.budget)
  return {
    status: statusOf(decision, quota),
    holdId: decision.hold_id,
    told: toldHeaders(decision, asked),
    limits: limitHeaders(decision, quota),
  }
}

function entriesOf({ entries = [] }: RateLimitDescriptor): ReadonlyMap<string, string> {
  if (entries.length > ENTRIES_MAX) refuse([{ path: '/entries', message: `must be at most ${ENTRIES_MAX}` }])
  const found = new Map<string, string>()
  for (const { key = '', value = '' } of entries) {
    // Nobody knows which of two is meant.
    if (found.has(key)) refuse([{ path: `/entries/${key.slice(0, 32)}`, message: 'is there twice' }])
    found.set(key, value)
  }
  return found
}

/** No tokens told: nobody knows what was used, and all of it stays held until the span is there. */
async function settle(checker: Checker, holdId: string, tokens: string): Promise<boolean> {
  if (!isName(holdId)) return false
  const actual = /^[1-9]\d{0,11}$/.test(tokens) ? { tokens } : {}
  return (await checker.endHold(holdId, actual)) !== null
}

async function releaseAll(answers: readonly Answered[], checker: Checker): Promise<void> {
  for (const { holdId } of answers) if (holdId !== undefined) await checker.endHold(holdId, null)
}

function statusOf(decision: Decision, quota: Quota | null): DescriptorStatus {
  const status = { code: lets(decision) ? ('OK' as const) : ('OVER_LIMIT' as const) }
  const wait = waitSeconds(decision)
  const reset = wait === null ? {} : { duration_until_reset: { seconds: String(wait) } }
  const remaining = countedOf(decision, decision.remaining)
  const limit = countedOf(decision, quota?.limit)
  return {
    ...status,
    ...reset,
    ...(remaining !== null && { limit_remaining: uint32(remaining) }),
    ...(limit !== null && {
      current_limit: {
        requests_per_unit: uint32(limit),
        unit: UNITS[quota!.window] ?? 'UNKNOWN',
        name: decision.budget!,
      },
    }),
  }
}

function uint32(count: bigint): number {
  return Number(count > UINT32_MAX ? UINT32_MAX : count)
}

function headerValue([key, value]: Header) {
  return { key, value }
}
