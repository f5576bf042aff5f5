import { describe, expect, it } from 'vitest'
import { isBilledElsewhere } from '../../core/assembly.ts'
import { NO_TOKENS, type Usage } from '../../core/usage.ts'
import { callOf, NOON_NANO, otherOf, spanIdOf, traceIdOf } from '../../test/support/usages.ts'
import { assemble } from '../assemble/assemble.ts'
import { NEIGHBOURS_MAX } from '../assemble/pairing.ts'
import { acrossTraces } from './across.ts'

const ID = 'chatcmpl-Ax9Zk2LmQp7RtYv4'
const ms = (count: number) => BigInt(count) * 1_000_000n

/** Noon and milliseconds, from and to. */
const during = (from: number, to: number): Partial<Usage> => ({
  startNano: NOON_NANO + ms(from),
  endNano: NOON_NANO + ms(to),
})
const tokens = (inputUncached: number, outputText = 20): Partial<Usage> => ({
  buckets: { ...NO_TOKENS, inputUncached, outputText },
})
/** The tokens of a plain call and so many more. */
const CACHED = { inputUncached: 100, cacheRead: 900, outputText: 20 }
const SILENT: Partial<Usage> = { metered: false, buckets: NO_TOKENS }

function across(traces: readonly (readonly Usage[])[], byPlace = true) {
  const alone = traces.map((usages) => ({ usages, assembly: assemble(usages, { now: NOON_NANO }) }))
  return acrossTraces(alone, { byPlace })
}

const callsOf = (a: Partial<Usage>, b: Partial<Usage>): number =>
  across([[callOf('a', 'a', a)], [callOf('b', 'b', b)]]).flatMap(({ calls }) => calls).length

describe('two traces tell of one call', () => {
  it.each<[string, Partial<Usage>, Partial<Usage>]>([
    [
      'by a response id',
      { responseId: ID },
      { responseId: ID, serviceName: 'gateway', ...during(900, 1300) },
    ],
    [
      'by a request id',
      { requestId: 'req_011CSHoEeqs5C35K2UUqR7Fy' },
      { requestId: 'req_011CSHoEeqs5C35K2UUqR7Fy', serviceName: 'cli' },
    ],
    ['by an id, with the same emitter', { responseId: ID }, { responseId: ID }],
    [
      'by an id, where one has no tokens',
      { responseId: ID, ...SILENT },
      { responseId: ID, serviceName: 'gateway' },
    ],
    [
      'by an id, however the input is split',
      { responseId: ID },
      {
        responseId: ID,
        scopeName: 'b',
        buckets: { ...NO_TOKENS, inputUncached: 60, cacheRead: 40, outputText: 20 },
      },
    ],
    ['by place', during(0, 500), { scopeName: 'b', ...during(1, 499) }],
    ['by place, told late by callbacks in a queue', during(0, 500), { scopeName: 'b', ...during(140, 610) }],
    [
      'by place, told late by threads of a busy machine',
      during(0, 26),
      { scopeName: 'b', ...during(17, 54) },
    ],
    [
      'by place, one silent that began with the other, which waited in a queue to its end',
      during(0, 5000),
      { scopeName: 'b', ...SILENT, ...during(1, 90) },
    ],
    ['by place, one with an id', { responseId: ID }, { scopeName: 'b' }],
    [
      'by an id, where one cannot see cached tokens',
      { responseId: ID },
      { responseId: ID, serviceName: 'gateway', buckets: { ...NO_TOKENS, ...CACHED } },
    ],
    [
      'by place, where one cannot see cached tokens',
      {},
      { scopeName: 'b', buckets: { ...NO_TOKENS, ...CACHED } },
    ],
    [
      'by place, where each misses another sort of tokens',
      { buckets: { ...NO_TOKENS, inputUncached: 100, outputText: 20, outputReasoning: 5 } },
      { scopeName: 'b', buckets: { ...NO_TOKENS, ...CACHED } },
    ],
    ['by place, one under something', { parentSpanId: spanIdOf('x') }, { scopeName: 'b' }],
    [
      'by place, one silent and about as long',
      during(0, 500),
      { scopeName: 'b', ...SILENT, ...during(5, 480) },
    ],
    ['by place, both silent', SILENT, { scopeName: 'b', ...SILENT }],
    [
      'by an id, one instrumentation within the other, with other tokens',
      { responseId: ID, ...during(0, 500) },
      { responseId: ID, scopeName: 'b', ...tokens(101), ...during(1, 499) },
    ],
    [
      'by place, one silent, the process too busy to begin and end at once',
      during(0, 300),
      { scopeName: 'b', ...SILENT, ...during(61, 180) },
    ],
  ])('%s', (_, a, b) => {
    expect(callsOf(a, b)).toBe(1)
    expect(callsOf(b, a)).toBe(1)
  })
})

describe('two traces tell of two calls', () => {
  it.each<[string, Partial<Usage>, Partial<Usage>]>([
    ['of one emitter', {}, {}],
    ['with an id and other tokens', { responseId: ID }, { responseId: ID, serviceName: 'g', ...tokens(101) }],
    ['with a weak id', { responseId: 'chatcmpl-123' }, { responseId: 'chatcmpl-123', serviceName: 'g' }],
    ['with two ids', { responseId: ID }, { responseId: `${ID}x`, scopeName: 'b' }],
    ['with other tokens', {}, { scopeName: 'b', ...tokens(101) }],
    ['with cached and other tokens', tokens(101), { scopeName: 'b', buckets: { ...NO_TOKENS, ...CACHED } }],
    ['in two processes', { serviceInstance: 'x' }, { scopeName: 'b', serviceInstance: 'y' }],
    ['of two models', {}, { scopeName: 'b', responseModel: 'o4-mini', requestModel: 'o4-mini' }],
    ['neither within the other for long', during(0, 500), { scopeName: 'b', ...during(260, 760) }],
    ['late by more than a busy machine is', during(0, 200), { scopeName: 'b', ...during(130, 325) }],
    [
      'at one time, with cached tokens that one cannot see, neither within the other',
      during(0, 26),
      { scopeName: 'b', buckets: { ...NO_TOKENS, ...CACHED }, ...during(17, 54) },
    ],
    [
      'each under something of its own',
      { parentSpanId: spanIdOf('x') },
      { scopeName: 'b', parentSpanId: spanIdOf('y') },
    ],
    ['one a chat, one an embedding', {}, { scopeName: 'b', usageClass: 'embed' }],
    ['one silent and much shorter', during(0, 5000), { scopeName: 'b', ...SILENT, ...during(1000, 1500) }],
    ['both silent and one much longer', { ...SILENT, ...during(0, 5000) }, { scopeName: 'b', ...SILENT }],
    [
      'with an id and other tokens, one after the other',
      { responseId: ID, ...during(0, 500) },
      { responseId: ID, scopeName: 'b', ...tokens(101), ...during(510, 900) },
    ],
    ['begun more than a minute apart', during(0, 90_000), { scopeName: 'b', ...during(61_000, 80_000) }],
  ])('%s', (_, a, b) => {
    expect(callsOf(a, b)).toBe(2)
    expect(callsOf(b, a)).toBe(2)
  })
})

describe('a tool', () => {
  const TOOL: Partial<Usage> = {
    usageClass: 'tool',
    ...SILENT,
    requestModel: null,
    responseModel: null,
    toolName: 'search',
  }
  const CALL_ID = 'call_Jx8Qe2LmN4pRtYv7Ax9Z'
  const toolsOf = (a: Partial<Usage>, b: Partial<Usage>): readonly (string | null)[] =>
    across([[callOf('a', 'a', { ...TOOL, ...a })], [callOf('b', 'b', { ...TOOL, ...b })]])
      .flatMap(({ tools }) => tools)
      .map(({ callId }) => callId)

  it.each<[string, Partial<Usage>, Partial<Usage>]>([
    [
      'by its call id',
      { toolCallId: CALL_ID },
      { toolCallId: CALL_ID, serviceName: 'mcp', ...during(900, 1300) },
    ],
    ['by its call id, of one emitter', { toolCallId: CALL_ID }, { toolCallId: CALL_ID }],
    [
      'by place, and has the id that one tells',
      { toolCallId: CALL_ID },
      { scopeName: 'b', ...during(2, 498) },
    ],
    [
      'by its call id, within one process, where its server has another name for it',
      { toolCallId: CALL_ID },
      { toolCallId: CALL_ID, scopeName: 'b', toolName: 'docs.search' },
    ],
  ])('that two traces tell of is one %s', (_, a, b) => {
    expect(toolsOf(a, b)).toEqual([CALL_ID])
    expect(toolsOf(b, a)).toEqual([CALL_ID])
  })

  it.each<[string, Partial<Usage>, Partial<Usage>]>([
    ['of one emitter', {}, {}],
    ['of two names', {}, { scopeName: 'b', toolName: 'search_web' }],
    ['of no name', { toolName: null }, { scopeName: 'b', toolName: null }],
    ['with two ids', { toolCallId: CALL_ID }, { scopeName: 'b', toolCallId: `${CALL_ID}x` }],
    [
      'with one id and two names',
      { toolCallId: CALL_ID },
      { toolCallId: CALL_ID, serviceName: 'b', toolName: 'x' },
    ],
    [
      'with one id, at another time',
      { toolCallId: CALL_ID },
      { toolCallId: CALL_ID, ...during(60_000, 60_200) },
    ],
    ['with a weak id', { toolCallId: 'call_1' }, { toolCallId: 'call_1', serviceName: 'b' }],
    ['in two processes', {}, { scopeName: 'b', serviceInstance: 'y' }],
    ['one much shorter', during(0, 5000), { scopeName: 'b', ...during(1000, 1500) }],
    [
      'each under something of its own',
      { parentSpanId: spanIdOf('x') },
      { scopeName: 'b', parentSpanId: spanIdOf('y') },
    ],
    [
      'with times nobody believes',
      { startNano: 5n, endNano: 9n },
      { scopeName: 'b', startNano: 5n, endNano: 9n },
    ],
  ])('that two traces tell of is two %s', (_, a, b) => {
    expect(toolsOf(a, b)).toHaveLength(2)
    expect(toolsOf(b, a)).toHaveLength(2)
  })

  it('is one where only one of two knows its name, which it then has', () => {
    const unnamed = { ...TOOL, name: 'execute_tool DynamicTool', toolName: null, session: 's' }
    const traces = [
      [callOf('a', 'a', unnamed)],
      [callOf('b', 'b', { ...TOOL, scopeName: 'b', ...during(2, 498) })],
      [callOf('c', 'c', { ...TOOL, scopeName: 'b', toolName: 'fetch', ...during(2_000, 2_500) })],
    ]
    for (const told of [traces, traces.toReversed()]) {
      const names = across(told).flatMap(({ tools }) => tools.map(({ name }) => name))
      expect(names.sort()).toEqual(['fetch', 'search'])
    }
  })

  it('that is shorter than a handler is late is one where both name it', () => {
    expect(toolsOf(during(0, 20), { scopeName: 'b', ...during(15, 60) })).toHaveLength(1)
  })

  it('without a name is one of two that run at once, never both', () => {
    const unnamed = callOf('a', 'a', { ...TOOL, toolName: null })
    const named = ['search', 'fetch'].map((toolName) =>
      callOf(toolName, toolName, { ...TOOL, scopeName: 'b', toolName }),
    )
    const tools = across([unnamed, ...named].map((usage) => [usage])).flatMap((found) => found.tools)
    expect(tools).toHaveLength(2)
  })

  it('leaves its trace pointing to the one that has it, billed there with all that it had', () => {
    const [own, other] = across([
      [callOf('a', 'a', { ...TOOL, session: 's' })],
      [callOf('b', 'b', { ...TOOL, scopeName: 'b', customer: null, toolType: 'extension' })],
    ])
    expect(own!.tools).toMatchObject([{ name: 'search', type: 'extension' }])
    expect(other!.anomalies).toEqual([{ kind: 'mirror', spanId: spanIdOf('b'), reason: traceIdOf('a') }])
    expect(isBilledElsewhere(other!)).toBe(true)
  })
})

describe('the same id again', () => {
  it('at another time is an answer that costs nothing', () => {
    const later = { responseId: ID, ...during(60_000, 60_200) }
    const result = across([[callOf('a', 'a', { responseId: ID })], [callOf('b', 'b', later)]])
    expect(result.map(({ calls }) => calls.map((call) => call.cacheHit))).toEqual([[false], [true]])
  })

  it('with other tokens at another time is a call like any', () => {
    const later = { responseId: ID, ...during(60_000, 60_200), ...tokens(7) }
    const result = across([[callOf('a', 'a', { responseId: ID })], [callOf('b', 'b', later)]])
    expect(result.flatMap(({ calls }) => calls.map((call) => call.cacheHit))).toEqual([false, false])
  })
})

describe('the call is with', () => {
  const owner = (a: readonly Usage[], b: readonly Usage[]) =>
    across([a, b]).map(({ calls, anomalies }) => [
      calls.length,
      anomalies.filter(({ kind }) => kind === 'mirror').map(({ reason }) => reason),
    ])
  const gateway = {
    dialect: 'openrouter',
    serviceName: 'openrouter',
    scopeName: 'openrouter',
    responseId: ID,
  }

  it('the trace that is not a gateway, and the other points to it', () => {
    const known = callOf('g', 'g', { ...gateway, customer: 'acme', session: 's', agent: 'a' })
    const bare = callOf('c', 'c', { responseId: ID, customer: null })
    expect(owner([known], [bare])).toEqual([
      [0, [traceIdOf('c')]],
      [1, []],
    ])
  })

  it('the trace that knows more of whose it is', () => {
    const bare = callOf('a', 'a', { customer: null })
    const known = callOf('b', 'b', { scopeName: 'b', session: 's' })
    expect(owner([bare], [known])[1]).toEqual([1, []])
  })

  it('the trace in which it lies under something, else with the outer one', () => {
    const nested = [
      otherOf('n', 'root'),
      callOf('n', 'n', { parentSpanId: spanIdOf('root'), ...during(10, 490) }),
    ]
    const outer = callOf('o', 'o', { scopeName: 'b', ...during(0, 500) })
    expect(owner(nested, [outer])[0]).toEqual([1, []])
    expect(owner([callOf('i', 'i', during(10, 490))], [outer])[1]).toEqual([1, []])
  })

  it.each([false, true])(
    'has all that was seen together, also where another trace tells more: %s',
    (isOwnerBlind) => {
      const full = { buckets: { ...NO_TOKENS, ...CACHED } }
      const known = callOf('a', 'a', { session: 's', ...(isOwnerBlind ? {} : full) })
      const bare = callOf('b', 'b', { scopeName: 'b', customer: null, ...(isOwnerBlind ? full : {}) })
      expect(across([[known], [bare]]).map(({ calls }) => calls.map(({ buckets }) => buckets))).toEqual([
        [{ ...NO_TOKENS, ...CACHED }],
        [],
      ])
    },
  )

  it('takes over what its owner does not know', () => {
    const [client] = across([
      [callOf('c', 'c', { responseId: ID, provider: null, reportedCost: '0.2' })],
      [callOf('g', 'g', { ...gateway, provider: 'anthropic', serviceTier: 'flex', reportedCost: '0.1' })],
    ])
    expect(client?.calls).toMatchObject([{ provider: 'anthropic', serviceTier: 'flex', reportedCost: '0.1' }])
  })
})

it(`calls beyond ${NEIGHBOURS_MAX} alike are not looked for`, () => {
  const crowd = (count: number) => {
    const units = Array.from({ length: count }, (_, i) => [
      callOf(`u${i}`, 'u', { scopeName: 'a', ...during(1 + i, 2 + i), parentSpanId: spanIdOf('p') }),
    ])
    const outer = callOf('outer', 'o', { scopeName: 'a', ...during(0, 5000), parentSpanId: spanIdOf('p') })
    const inner = callOf('inner', 'i', { scopeName: 'b', ...during(1000, 4000) })
    return across([[outer], ...units, [inner]]).flatMap(({ calls }) => calls).length - count
  }
  expect(crowd(NEIGHBOURS_MAX - 1)).toBe(1)
  expect(crowd(NEIGHBOURS_MAX)).toBe(2)
})
