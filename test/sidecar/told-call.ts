import { randomBytes } from 'node:crypto'

/** A model call as its span tells of it. */
export interface ToldCall {
  readonly customer: string
  readonly holdId: string
  readonly input: number
  readonly output: number
}

/** The span of a call that was made under a hold and ended now, a trace of its own, as OTLP/JSON. */
export function spanOfCall({ customer, holdId, input, output }: ToldCall): object {
  const text = (key: string, value: string) => ({ key, value: { stringValue: value } })
  const count = (key: string, value: number) => ({ key, value: { intValue: value } })
  const now = BigInt(Date.now()) * 1_000_000n
  return {
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    name: 'chat claude-sonnet-4-5',
    kind: 3,
    startTimeUnixNano: String(now - 1_000_000n),
    endTimeUnixNano: String(now),
    attributes: [
      text('gen_ai.operation.name', 'chat'),
      text('gen_ai.provider.name', 'anthropic'),
      text('gen_ai.request.model', 'claude-sonnet-4-5'),
      count('gen_ai.usage.input_tokens', input),
      count('gen_ai.usage.output_tokens', output),
      text('aforo.customer.id', customer),
      text('aforo.hold.id', holdId),
    ],
  }
}

/** Spans as the body of an export. */
export function exportOf(spans: readonly object[]): object {
  return { resourceSpans: [{ resource: {}, scopeSpans: [{ scope: { name: 'test' }, spans }] }] }
}
