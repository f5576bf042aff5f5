import type { Usage } from '../core/usage.ts'
import { chat, type SpanWords, usage } from '../test/support/spans.ts'

/** Makes a trace of so many spans. */
type Shape = (spans: number) => readonly Usage[]

const SCOPES = ['scope-a', 'scope-b'] as const
const SECOND_MS = 1_000

/** Traces in which one step of assembling meets all spans: none of them may cost more per span the larger it is. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  'calls under one root': shape((id) => chat({ id, parent: 0, ...second(id) }, 100, 20)),
  'calls within calls': shape((id, spans) =>
    chat({ id, parent: id - 1, from: id, to: 3 * spans - id }, 100, 20),
  ),
  'calls that two scopes saw': shape((id) =>
    chat({ id, parent: 0, scope: SCOPES[id % 2]!, ...second(id >> 1) }, 100 + (id >> 1), 20),
  ),
  'silent calls that two scopes saw': shape((id) =>
    silent({ id, parent: 0, scope: SCOPES[id % 2]!, ...second(id >> 1) }),
  ),
  'silent calls and their polls': shape((id) =>
    id % 2 === 1 ? silent({ id, parent: 0, ...second(id) }) : poll({ id, parent: 0, ...second(id) }),
  ),
  'polls before silent calls': shape((id, spans) =>
    id % 2 === 1 ? silent({ id, parent: 0, ...second(spans + id) }) : poll({ id, parent: 0, ...second(id) }),
  ),
}

function shape(spanOf: (id: number, spans: number) => SpanWords): Shape {
  return (spans) => {
    const root: SpanWords = { id: 0, to: 3 * spans * SECOND_MS }
    return [root, ...Array.from({ length: spans - 1 }, (_, at) => spanOf(at + 1, spans))].map(usage)
  }
}

function second(at: number): { from: number; to: number } {
  return { from: at * SECOND_MS, to: at * SECOND_MS + SECOND_MS / 2 }
}

function silent(words: SpanWords): SpanWords {
  return { ...words, attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-4o' } }
}

/** Of a response that no call names. */
function poll(words: SpanWords): SpanWords {
  return {
    ...words,
    attributes: {
      'gen_ai.operation.name': 'fetch_response',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.response.id': `resp_background_${words.id}`,
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
    },
  }
}
