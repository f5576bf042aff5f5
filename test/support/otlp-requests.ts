import fc from 'fast-check'

/** A request as protobufjs' `fromObject` takes it; `jsonOfRequest` gives the same as OTLP/JSON. */
export interface RequestLiteral {
  readonly resourceSpans: readonly {
    readonly resource?: { readonly attributes: readonly AttributeLiteral[] }
    readonly scopeSpans: readonly {
      readonly scope?: { readonly name: string; readonly version: string }
      readonly spans: readonly SpanLiteral[]
    }[]
  }[]
}

export interface SpanLiteral {
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly parentSpanId: Uint8Array
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly AttributeLiteral[]
  readonly status?: { readonly code: number; readonly message: string }
  readonly events?: readonly { readonly name: string; readonly attributes: readonly AttributeLiteral[] }[]
}

export interface AttributeLiteral {
  readonly key: string
  readonly value: ValueLiteral
}

export type ValueLiteral =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly bytesValue: Uint8Array }
  | { readonly arrayValue: { readonly values: readonly ValueLiteral[] } }
  | { readonly kvlistValue: { readonly values: readonly AttributeLiteral[] } }
  | Record<string, never>

export const WANTED = ['a', 'gen', 'gen_ai.system', 'gen_ai.usage.input_tokens', 'gen_ai.usage.output_tokens']
export const COUNTED = ['gen_ai.output.messages']

/** Like wanted ones in length, first and last word, or in part. */
const NEAR = [
  'b',
  'gem',
  'gen_ai.sYstem',
  'gen_ai.usage.xxput_tokens',
  'gen_ai.usage.input_token',
  'aforo.reasoning_parts',
]
const MESSAGES = [
  '[{"parts":[{"type":"reasoning","content":"…"},{"type":"text","content":"type: \\"reasoning\\""}]}]',
  '[{"type": "thinking"},{"type":"thinking"}, {"type":  "thinking"}]',
  `{"type":"type":"reasoning"type":"thinking","pad":"${'x'.repeat(300)}","type":"reasoning"`,
]

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ minLength: 60, maxLength: 300 }),
)
const key = fc.oneof(
  fc.constantFrom(...WANTED, ...WANTED, ...COUNTED, ...NEAR),
  fc.string({ maxLength: 200 }),
)
const uint64 = fc.bigInt(0n, 2n ** 64n - 1n).map(String)
const int64 = fc.oneof(
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  fc.bigInt(-(2n ** 53n) - 2n, 2n ** 53n + 2n),
  fc.bigInt(-300n, 300n),
)

const scalar: fc.Arbitrary<ValueLiteral> = fc.oneof(
  text.map((stringValue) => ({ stringValue })),
  fc.constantFrom(...MESSAGES).map((stringValue) => ({ stringValue })),
  fc.boolean().map((boolValue) => ({ boolValue })),
  int64.map((intValue) => ({ intValue: String(intValue) })),
  fc.double().map((doubleValue) => ({ doubleValue })),
  fc.uint8Array({ maxLength: 20 }).map((bytesValue) => ({ bytesValue })),
  fc.constant({}),
)
const value: fc.Arbitrary<ValueLiteral> = fc.oneof(
  { weight: 6, arbitrary: scalar },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 3 }).map((values) => ({ arrayValue: { values } })) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.record({ key, value: scalar }), { maxLength: 3 })
      .map((values) => ({ kvlistValue: { values } })),
  },
)
const attributes = fc.array(fc.record({ key, value }), { maxLength: 12 })
const id = (length: number) =>
  fc.oneof(
    { weight: 9, arbitrary: bytes(length) },
    fc.uint8Array({ maxLength: 20 }),
    fc.constant(new Uint8Array(length)),
  )

/** With numbers that may be an HTTP status, or prose. */
const statusText = fc.oneof(
  fc.string(),
  fc
    .array(
      fc.constantFrom(
        '404',
        '500',
        '599',
        '4',
        ' ',
        '.',
        'Error: ',
        'code: ',
        'Status ',
        '[',
        ']',
        'An error occurred (',
        'ThrottlingException)',
        'model',
        'ä',
      ),
      {
        maxLength: 60,
      },
    )
    .map((pieces) => pieces.join('')),
)

const event = fc.oneof(
  fc.record({ name: fc.string(), attributes }),
  fc.record({
    name: fc.constantFrom('exception', 'retry'),
    attributes: fc.array(
      fc.record({
        key: fc.constantFrom('exception.message', 'exception.type'),
        value: fc.oneof(
          statusText.map((stringValue) => ({ stringValue })),
          scalar,
        ),
      }),
      { maxLength: 3 },
    ),
  }),
)

const span: fc.Arbitrary<SpanLiteral> = fc.record(
  {
    traceId: id(16),
    spanId: id(8),
    parentSpanId: fc.oneof(id(8), fc.constant(new Uint8Array(0))),
    name: text,
    kind: fc.integer({ min: 0, max: 7 }),
    startTimeUnixNano: uint64,
    endTimeUnixNano: uint64,
    attributes,
    status: fc.record({ code: fc.integer({ min: 0, max: 2 }), message: statusText }),
    events: fc.array(event, { maxLength: 3 }),
  },
  {
    requiredKeys: [
      'traceId',
      'spanId',
      'parentSpanId',
      'name',
      'kind',
      'startTimeUnixNano',
      'endTimeUnixNano',
      'attributes',
    ],
  },
)
const scopeSpans = fc.record(
  { scope: fc.record({ name: text, version: fc.string() }), spans: fc.array(span, { maxLength: 4 }) },
  { requiredKeys: ['spans'] },
)
const resourceSpans = fc.record(
  { resource: fc.record({ attributes }), scopeSpans: fc.array(scopeSpans, { maxLength: 3 }) },
  { requiredKeys: ['scopeSpans'] },
)

/** Requests with every kind of value, sound and unsound ids, wanted, counted and unwanted keys, some given twice. */
export const requests: fc.Arbitrary<RequestLiteral> = fc.record({
  resourceSpans: fc.array(resourceSpans, { maxLength: 3 }),
})

/** The request in OTLP/JSON. */
export function jsonOfRequest(request: RequestLiteral): Uint8Array {
  return Buffer.from(JSON.stringify(request, jsonValue))
}

function jsonValue(this: unknown, name: string, given: unknown): unknown {
  if (given instanceof Uint8Array)
    return Buffer.from(given).toString(name === 'bytesValue' ? 'base64' : 'hex')
  if (name !== 'doubleValue') return given
  return Number.isFinite(given) && !Object.is(given, -0) ? given : Object.is(given, -0) ? '-0' : String(given)
}
