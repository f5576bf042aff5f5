import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AssemblyDocument, assemblyFromDocument, assemblyToDocument } from './assembly-document.ts'
import { packAssembly, unpackAssembly } from './packed-assembly.ts'

const TEXT = fc.option(fc.constantFrom('', 'a', 'openai'))
const COUNT = fc.constantFrom(0, 0, 1, 20)
const NANO = fc.constantFrom('0', '1795435200000000000')
const SPAN = fc.constantFrom('00000000000000a1', '00000000000000a2')

const CALL = fc.record({
  spanId: SPAN,
  spanIds: fc.array(SPAN, { maxLength: 2 }),
  kind: fc.constantFrom('chat' as const, 'embedding' as const),
  granularity: fc.constantFrom('call' as const, 'wrapper' as const),
  provider: TEXT,
  model: TEXT,
  requestModel: TEXT,
  responseId: TEXT,
  startNano: NANO,
  endNano: NANO,
  metered: fc.boolean(),
  buckets: fc.record({
    inputUncached: COUNT,
    cacheRead: COUNT,
    cacheWrite: COUNT,
    cacheWrite1h: COUNT,
    outputText: COUNT,
    outputReasoning: COUNT,
  }),
  reasoningSteps: COUNT,
  quantities: fc.dictionary(fc.constantFrom('images', 'web_searches'), COUNT),
  serviceTier: TEXT,
  region: TEXT,
  reportedCost: TEXT,
  estimated: fc.boolean(),
  cacheHit: fc.boolean(),
  badTime: fc.boolean(),
})

const DOCUMENT = fc.record({
  calls: fc.array(CALL, { maxLength: 3 }),
  tools: fc.array(
    fc.record({ spanId: SPAN, name: fc.string(), callId: TEXT, type: TEXT, startNano: NANO, endNano: NANO }),
    { maxLength: 2 },
  ),
  reasoningSteps: COUNT,
  anomalies: fc.array(
    fc.record({ kind: fc.constantFrom('unmetered' as const), spanId: SPAN, reason: fc.string() }),
    { maxLength: 2 },
  ),
  startNano: NANO,
  endNano: NANO,
  customer: TEXT,
  product: TEXT,
  session: TEXT,
  agent: TEXT,
  spanIds: fc.array(SPAN),
})

test('what is packed, stored and unpacked is what it was; and so is what was never packed', () => {
  fc.assert(
    fc.property(DOCUMENT, (document: AssemblyDocument) => {
      const plain = JSON.parse(JSON.stringify(document))
      expect(unpackAssembly(JSON.parse(JSON.stringify(packAssembly(document))))).toEqual(plain)
      expect(unpackAssembly(plain)).toEqual(plain)
      for (const stored of [packAssembly(document), document]) {
        const assembly = assemblyFromDocument(JSON.parse(JSON.stringify(stored)))
        expect(assemblyToDocument(assembly)).toEqual(plain)
      }
    }),
  )
})

test('a packed call says only what is its own', () => {
  const [call] = fc.sample(CALL, 1)
  const ordinary = {
    ...call!,
    spanIds: [call!.spanId],
    kind: 'chat' as const,
    granularity: 'call' as const,
    metered: true,
    quantities: {},
    estimated: false,
  }
  const none = { reasoningSteps: 0, customer: null, product: null, session: null, agent: null, spanIds: [] }
  const document = { calls: [ordinary], tools: [], anomalies: [], startNano: '0', endNano: '0', ...none }
  const packed = JSON.parse(JSON.stringify(packAssembly(document))) as { calls: object[] }
  expect(Object.keys(packed).sort()).toEqual(['calls', 'endNano', 'spanIds', 'startNano', 'tools'])
  for (const field of ['spanIds', 'kind', 'granularity', 'metered', 'quantities', 'estimated'])
    expect(packed.calls[0]).not.toHaveProperty(field)
})

test('what is no document is refused', () => {
  expect(() => unpackAssembly(null)).toThrow('stored assembly cannot be read')
  expect(() => unpackAssembly({ calls: 1 })).toThrow('stored assembly cannot be read')
})
