import type { Served } from './provider/ledger.ts'

/** A model call that was billed. Tokens; `input` and `output` are whole. */
export interface Billed {
  readonly kind: 'chat' | 'embedding'
  readonly model: string | null
  readonly metered: boolean
  readonly input: number
  readonly cacheRead: number
  readonly cacheWrite: number
  readonly output: number
  readonly reasoning: number
}

/** What is told of them in sum: tokens and tool calls of all events, and how many unmetered calls the list of exceptions shows. */
export interface Told {
  readonly input: number
  readonly output: number
  readonly exceptions: number
  readonly tools: number
  readonly sessions: readonly string[]
}

/** What else a client's spans are to tell of. */
export interface Expected {
  /** Whether it runs tools, and makes spans of them. */
  readonly tools: boolean
  /** How many sessions its traces belong to. */
  readonly sessions: number
  /** Refused requests that its spans tell like calls: each is to be listed. */
  readonly unsaidRefusals: number
  /** Calls that it left in the middle of their answer or could not read that of, and makes no span of. */
  readonly untoldCutOffs: number
}

/** From the best to the worst. */
export type Verdict = 'EXACT' | 'TOTALS' | 'UNMETERED LISTED' | 'WRONG'

const DETAILS = ['cacheRead', 'cacheWrite', 'reasoning'] as const
export type Detail = (typeof DETAILS)[number]

export interface Judgement {
  readonly verdict: Verdict
  /** What differs, one sentence each. */
  readonly faults: readonly string[]
  /** Buckets that the client does not tell of. */
  readonly untold: readonly Detail[]
  /** How many calls were billed without usage. */
  readonly unmetered: number
}

/**
 * Holds what was billed against what was served. A call whose answer was left in its midst or could not be read is to be listed, and lowers
 * no verdict: nobody told its client what it used.
 *  EXACT             every call once, every bucket of every call as served
 *  TOTALS            every call once with its input and output; what the client does not tell of cache or reasoning is missing
 *  UNMETERED LISTED  the same for the calls the client told the usage of; each other one is listed as an exception
 *  WRONG             anything else: a call lost, counted twice, billed with other tokens or silently with none
 */
export function judge(
  served: readonly Served[],
  billed: readonly Billed[],
  told: Told,
  expected: Expected,
): Judgement {
  const faults: string[] = []
  const metered = billed.filter((call) => call.metered)
  const cutOff = served.filter(({ isCutOff }) => isCutOff).length - expected.untoldCutOffs
  const unmetered = billed.length - metered.length - cutOff
  if (billed.length !== served.length - expected.untoldCutOffs + expected.unsaidRefusals) {
    faults.push(`${served.length} calls served, ${billed.length} billed`)
  }
  for (const whole of ['input', 'output'] as const) {
    const sum = billed.reduce((total, call) => total + call[whole], 0)
    if (sum !== told[whole]) faults.push(`events tell ${told[whole]} ${whole} tokens, their calls ${sum}`)
  }
  const tools = expected.tools ? served.filter(({ asksTool }) => asksTool).length : 0
  if (tools !== told.tools) faults.push(`${tools} tools called, ${told.tools} billed`)
  if (expected.sessions !== told.sessions.length) {
    faults.push(`${expected.sessions} sessions, billed ${told.sessions.length}: ${told.sessions.join(', ')}`)
  }
  const left = served.filter(({ isCutOff }) => !isCutOff)
  const untold = new Set<Detail>()
  for (const call of metered) {
    const at = left.findIndex((each) => isSameCall(each, call))
    const match = left.splice(at, at < 0 ? 0 : 1)[0]
    if (match === undefined) {
      faults.push(`billed but not served: ${shown(call)}`)
      continue
    }
    const differing = DETAILS.filter((detail) => match[detail] !== call[detail])
    for (const detail of differing) untold.add(detail)
    // Each detail is either as served or not told at all.
    if (differing.some((detail) => call[detail] !== 0)) {
      faults.push(`served ${shown(match)}, billed ${shown(call)}`)
    }
  }
  if (left.length !== unmetered - expected.unsaidRefusals)
    for (const call of left) faults.push(`served but not billed: ${shown(call)}`)
  if (told.exceptions !== unmetered + cutOff)
    faults.push(`${unmetered + cutOff} calls are unmetered, ${told.exceptions} listed`)
  const verdict =
    faults.length > 0 ? 'WRONG' : unmetered > 0 ? 'UNMETERED LISTED' : untold.size > 0 ? 'TOTALS' : 'EXACT'
  return { verdict, faults, untold: [...untold], unmetered }
}

/** An instrumentation may know only the name that was asked for. */
function isSameCall(served: Served, billed: Billed): boolean {
  const isModel = billed.model === served.model || billed.model === served.requestModel
  const areTokens = billed.input === served.input && billed.output === served.output
  return isModel && areTokens && billed.kind === served.kind
}

function shown(call: Served | Billed): string {
  const { kind, model, input, output, cacheRead, cacheWrite, reasoning } = call
  return `${kind} ${model} in ${input} out ${output} (cache ${cacheRead}/${cacheWrite}, reasoning ${reasoning})`
}
