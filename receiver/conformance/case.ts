import { AforoError } from '../../core/errors.ts'

/** Whether a case is about one trace, or about what several traces tell of the same calls. */
const CASE_SCOPES = ['trace', 'traces'] as const

/** What a case of the conformance suite says; see test/conformance/README.md. */
export interface ConformanceCase {
  readonly why: string
  readonly pattern: string
  readonly dialect: string
  readonly scope: (typeof CASE_SCOPES)[number]
  /** Export requests as OTLP/JSON, in the order they arrive. */
  readonly otlp: readonly object[]
  readonly expect: Expectation
}

export interface Expectation {
  /** In any order. */
  readonly calls: readonly ExpectedCall[]
  readonly tools: number
  readonly reasoning_steps: number
  /** `kind/reason`, sorted. */
  readonly anomalies: readonly string[]
}

/** One model call. The flags are there only where they are not what a call usually is. */
export interface ExpectedCall {
  readonly model: string | null
  readonly provider: string | null
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cache_read_tokens: number
  readonly cache_write_tokens: number
  readonly reasoning_tokens: number
  readonly kind: 'chat' | 'embedding'
  readonly metered?: false
  readonly granularity?: 'wrapper'
  readonly estimated?: true
  readonly cache_hit?: true
}

/** Names of the patterns, in the order of the table. */
export const PATTERNS: Readonly<Record<string, string>> = {
  P0: 'one call, as it is',
  P1: 'a wrapper is the sum of its calls',
  P2: 'a wrapper repeats its last call',
  P3: 'a wrapper tells a lifetime',
  P4: 'siblings add up',
  P5: 'a call within a call',
  P6: 'a mirror of a call elsewhere',
  P7: 'another signal of the same usage',
  P8: 'several names on one span',
  P9: 'polls for a result',
  P10: 'duplicates and replays',
  P11: 'events as spans',
  P12: 'cached tokens: in the input, or beside it',
  P13: 'reasoning beside the output, or hidden',
  P14: 'no usage, or none to be believed',
  P15: 'tokens that nobody consumed',
  P16: 'tools and agents between calls',
  P17: 'ids that do not identify',
  P18: 'names that changed',
  P19: 'only a wrapper tells',
  P20: 'failures, streams and retries',
  P21: 'estimates',
}

/**
 * Reads the text of a case file.
 *
 * @throws AforoError `invalid_argument` where it is none
 */
export function parseCase(text: string): ConformanceCase {
  let given: Partial<ConformanceCase> | null
  try {
    given = JSON.parse(text) as Partial<ConformanceCase> | null
  } catch (error) {
    throw new AforoError('invalid_argument', 'not JSON', { cause: error })
  }
  const fault = faultOf(given ?? {})
  if (fault !== null) throw new AforoError('invalid_argument', `not a conformance case: ${fault}`)
  return given as ConformanceCase
}

function faultOf({ why, pattern, dialect, scope, otlp, expect }: Partial<ConformanceCase>): string | null {
  if (typeof why !== 'string' || why.length < 10) return 'why is not a sentence'
  if (typeof pattern !== 'string' || !Object.hasOwn(PATTERNS, pattern)) return `no pattern ${pattern}`
  if (typeof dialect !== 'string') return 'dialect is not a text'
  if (scope === undefined || !CASE_SCOPES.includes(scope)) return `no scope ${scope}`
  if (!Array.isArray(otlp) || otlp.length === 0) return 'otlp is not a list of requests'
  if (!Array.isArray(expect?.calls) || !Array.isArray(expect.anomalies)) return 'expect lacks a list'
  return typeof expect.tools === 'number' && typeof expect.reasoning_steps === 'number'
    ? null
    : 'expect lacks a number'
}
