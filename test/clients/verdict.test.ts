import { describe, expect, it } from 'vitest'
import { Ledger, type Served } from './provider/ledger.ts'
import { type Billed, judge } from './verdict.ts'

const ledger = new Ledger()
const ask = (model: string) =>
  ledger.enter({
    client: 'acme',
    kind: 'chat',
    model,
    idPrefix: 'id-',
    tellsReasoning: true,
    tellsCacheWrites: true,
  })
const NOTHING_ELSE = { tools: false, sessions: 0, unsaidRefusals: 0, untoldCutOffs: 0 }
const served: readonly Served[] = [ask('gpt-4.1-mini'), ask('gpt-5-mini'), ask('gpt-4.1-mini')]
const billed: readonly Billed[] = served.map((call) => ({ ...call, metered: true }))

function verdictOf(calls: readonly Billed[], exceptions = 0): string {
  const sum = (whole: 'input' | 'output') => calls.reduce((total, call) => total + call[whole], 0)
  const told = { input: sum('input'), output: sum('output'), exceptions, tools: 0, sessions: [] }
  return judge(served, calls, told, NOTHING_ELSE).verdict
}

const without = (
  call: Billed,
  ...buckets: ('cacheRead' | 'cacheWrite' | 'reasoning' | 'input' | 'output')[]
) => ({
  ...call,
  ...Object.fromEntries(buckets.map((bucket) => [bucket, 0])),
})
const unmetered = (call: Billed): Billed => ({
  ...without(call, 'input', 'output', 'cacheRead', 'cacheWrite', 'reasoning'),
  metered: false,
})
const [first, detailed, last] = billed as [Billed, Billed, Billed]

describe('a bill', () => {
  it.each<[string, readonly Billed[], string]>([
    ['as served', billed, 'EXACT'],
    ['as served, in another order', [last, detailed, first], 'EXACT'],
    [
      'by the names that were asked for',
      billed.map((call, i) => ({ ...call, model: served[i]!.requestModel })),
      'EXACT',
    ],
    [
      'without what the client does not tell',
      [first, without(detailed, 'reasoning', 'cacheWrite'), last],
      'TOTALS',
    ],
    ['with another number of a detail', [first, { ...detailed, reasoning: 1 }, last], 'WRONG'],
    ['with a call lost', [first, detailed], 'WRONG'],
    ['with a call twice', [...billed, first], 'WRONG'],
    ['with a call of another model', [first, detailed, { ...last, model: 'gpt-5' }], 'WRONG'],
    ['with a call as an embedding', [first, detailed, { ...last, kind: 'embedding' }], 'WRONG'],
    ['with one token more', [first, detailed, { ...last, output: last.output + 1 }], 'WRONG'],
    ['with a call of no tokens', [first, detailed, without(last, 'input', 'output')], 'WRONG'],
    [
      'with tokens moved from call to call',
      [{ ...first, input: last.input }, detailed, { ...last, input: first.input }],
      'WRONG',
    ],
  ])('%s', (_, calls, verdict) => {
    expect(verdictOf(calls)).toBe(verdict)
  })

  it('may hold calls without usage where each of them is listed', () => {
    const calls = [first, unmetered(detailed), last]
    expect(verdictOf(calls, 1)).toBe('UNMETERED LISTED')
    expect(verdictOf(calls, 0)).toBe('WRONG')
    expect(verdictOf(calls, 2)).toBe('WRONG')
    expect(verdictOf(calls.slice(0, 2), 1)).toBe('WRONG')
  })

  it('may hold refused requests that are told like calls, where each is listed', () => {
    const sum = (whole: 'input' | 'output') => billed.reduce((total, call) => total + call[whole], 0)
    const told = { input: sum('input'), output: sum('output'), tools: 0, sessions: [] }
    const calls = [...billed, unmetered(detailed)]
    const expected = { ...NOTHING_ELSE, unsaidRefusals: 1 }
    expect(judge(served, calls, { ...told, exceptions: 1 }, expected).verdict).toBe('UNMETERED LISTED')
    expect(judge(served, calls, { ...told, exceptions: 0 }, expected).verdict).toBe('WRONG')
    expect(judge(served, billed, { ...told, exceptions: 0 }, expected).verdict).toBe('WRONG')
  })

  it('must list what its client left in the middle', () => {
    const left: Served = { ...served[1]!, isCutOff: true }
    const told = { input: first.input, output: first.output, tools: 0, sessions: [] }
    const both = [served[0]!, left]
    const listed = [first, unmetered(detailed)]
    expect(judge(both, listed, { ...told, exceptions: 1 }, NOTHING_ELSE).verdict).toBe('EXACT')
    expect(judge(both, listed, { ...told, exceptions: 0 }, NOTHING_ELSE).verdict).toBe('WRONG')
    expect(judge(both, [first], { ...told, exceptions: 0 }, NOTHING_ELSE).verdict).toBe('WRONG')
    const silent = { ...NOTHING_ELSE, untoldCutOffs: 1 }
    expect(judge(both, [first], { ...told, exceptions: 0 }, silent).verdict).toBe('EXACT')
  })

  it('must add up to its events', () => {
    const told = { input: 1, output: 1, exceptions: 0, tools: 0, sessions: [] }
    expect(judge(served, billed, told, NOTHING_ELSE).verdict).toBe('WRONG')
  })

  it.each([
    [{ tools: true, sessions: 1 }, 1, ['a'], 'EXACT'],
    [{ tools: true, sessions: 1 }, 2, ['a'], 'WRONG'],
    [{ tools: true, sessions: 1 }, 0, ['a'], 'WRONG'],
    [{ tools: false, sessions: 1 }, 1, ['a'], 'WRONG'],
    [{ tools: true, sessions: 1 }, 1, ['a', 'b'], 'WRONG'],
    [{ tools: true, sessions: 1 }, 1, [], 'WRONG'],
  ])('must have the tools and sessions expected: %j with %i and %j', (expected, tools, sessions, verdict) => {
    const call = { ...served[0]!, asksTool: true }
    const told = { input: call.input, output: call.output, exceptions: 0, tools, sessions }
    const all = { ...expected, unsaidRefusals: 0, untoldCutOffs: 0 }
    expect(judge([call], [{ ...call, metered: true }], told, all).verdict).toBe(verdict)
  })
})
