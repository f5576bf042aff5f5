import fc from 'fast-check'
import type { TokenBuckets } from '../../core/usage.ts'
import type { SpanWords } from './spans.ts'
import { SPELLINGS, type Spelling } from './spellings.ts'

/** What an agent did, before anybody told of it: the truth that an assembly must find. */
export type Deed =
  | { readonly deed: 'call'; readonly buckets: TokenBuckets; readonly tools: readonly ToolDeed[] }
  | ToolDeed
  | { readonly deed: 'agent'; readonly inner: readonly Deed[] }
  | { readonly deed: 'chain'; readonly inner: readonly Deed[] }

/** An execution of a tool, in which agents may run that make calls of their own. */
export interface ToolDeed {
  readonly deed: 'tool'
  readonly inner: readonly Deed[]
}

/** How it is told. */
export interface Telling {
  /** Spelling of the n-th call, taken round. */
  readonly spellings: readonly Spelling[]
  /** Instrumentations above that of the n-th call that see it too, taken round. */
  readonly layers: readonly number[]
  /** Whether agents and chains repeat the usage of what they go round. */
  readonly wrapperUsage: boolean
  /** A further agent around everything. */
  readonly outerAgent: boolean
  /** The n-th call that tells no usage. */
  readonly silent?: number
  /** Scope of agents and chains. */
  readonly wrapperScope: string
}

export const PLAIN: Telling = {
  spellings: SPELLINGS.slice(0, 1),
  layers: [0],
  wrapperUsage: false,
  outerAgent: false,
  wrapperScope: 'test-agents',
}

const count = fc.nat({ max: 100_000 })
const buckets: fc.Arbitrary<TokenBuckets> = fc.record({
  inputUncached: fc.integer({ min: 1, max: 100_000 }),
  cacheRead: count,
  cacheWrite: count,
  cacheWrite1h: fc.constant(0),
  outputText: fc.integer({ min: 1, max: 100_000 }),
  outputReasoning: count,
})

/** Up to four levels of up to three deeds each. */
export const deeds: fc.Arbitrary<readonly Deed[]> = fc.letrec<{
  deed: Deed
  tool: ToolDeed
  inner: readonly Deed[]
}>((tie) => ({
  inner: fc.array(tie('deed'), { minLength: 1, maxLength: 3, depthIdentifier: 'deeds' }),
  tool: fc.record({
    deed: fc.constant('tool' as const),
    inner: fc.oneof({ maxDepth: 3, depthIdentifier: 'deeds' }, fc.constant([]), tie('inner')),
  }),
  deed: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'deeds' },
    fc.record({ deed: fc.constant('call' as const), buckets, tools: fc.constant([]) }),
    fc.record({
      deed: fc.constant('call' as const),
      buckets,
      tools: fc.array(tie('tool'), { maxLength: 2, depthIdentifier: 'deeds' }),
    }),
    tie('tool'),
    fc.record({ deed: fc.constantFrom('agent' as const, 'chain' as const), inner: tie('inner') }),
  ),
})).inner

export const tellings: fc.Arbitrary<Telling> = fc.record({
  spellings: fc.array(fc.constantFrom(...SPELLINGS), { minLength: 1, maxLength: 4 }),
  layers: fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 4 }),
  wrapperUsage: fc.boolean(),
  outerAgent: fc.boolean(),
  wrapperScope: fc.constantFrom('test-agents', 'gen_ai', 'pydantic-ai', 'strands.telemetry.tracer'),
})

/** The calls of the deeds in the order they are told. */
export function callsOf(done: readonly Deed[]): readonly TokenBuckets[] {
  return done.flatMap((deed) => {
    if (deed.deed === 'call') return [deed.buckets, ...callsOf(deed.tools)]
    return callsOf(deed.inner)
  })
}

export function toolsOf(done: readonly Deed[]): number {
  return done.reduce((tools, deed) => {
    if (deed.deed === 'call') return tools + toolsOf(deed.tools)
    return tools + (deed.deed === 'tool' ? 1 : 0) + toolsOf(deed.inner)
  }, 0)
}

/** The spans that tell of the deeds. Every deed has its own time within that of what it is part of. */
export function tell(done: readonly Deed[], telling: Telling): readonly SpanWords[] {
  const spans: SpanWords[] = []
  const teller = new Teller(telling, spans)
  if (telling.outerAgent) teller.tellAll([{ deed: 'agent', inner: done }], undefined, 0, 1e7)
  else teller.tellAll(done, undefined, 0, 1e7)
  return spans
}

/** Owns the running numbers of one telling. */
class Teller {
  readonly #telling: Telling
  readonly #spans: SpanWords[]
  #lastId = 0
  #calls = 0

  constructor(telling: Telling, spans: SpanWords[]) {
    this.#telling = telling
    this.#spans = spans
  }

  tellAll(done: readonly Deed[], parent: number | undefined, from: number, to: number): void {
    const share = (to - from) / done.length
    done.forEach((deed, at) => {
      this.#tellOne(deed, parent, from + share * at + share * 0.1, from + share * (at + 1) - share * 0.1)
    })
  }

  #tellOne(deed: Deed, parent: number | undefined, from: number, to: number): void {
    if (deed.deed === 'call') {
      const id = this.#tellCall(deed.buckets, parent, from, to)
      // What a call asked for may hang under it and run while its span is open.
      this.tellAll(deed.tools, id, from + (to - from) * 0.5, to)
      return
    }
    const id = ++this.#lastId
    const words = deed.deed === 'tool' ? this.#tool(id) : this.#wrapper(deed.deed, callsOf(deed.inner))
    this.#spans.push({ id, ...(parent === undefined ? {} : { parent }), from, to, ...words })
    this.tellAll(deed.inner, id, from, to)
  }

  #tellCall(buckets: TokenBuckets, parent: number | undefined, from: number, to: number): number {
    const { spellings, layers, silent } = this.#telling
    const nth = this.#calls++
    const spelling = spellings[nth % spellings.length]!
    let above = parent
    for (let layer = layers[nth % layers.length]!; layer >= 0; layer--) {
      const id = ++this.#lastId
      const words = nth === silent ? spelling.silent : spelling.write(buckets)
      const scope = layer === 0 ? {} : { scope: `layer-${layer}`, ...SPELLINGS[0]!.write(buckets) }
      this.#spans.push({
        id,
        ...(above === undefined ? {} : { parent: above }),
        from,
        to,
        ...words,
        ...(nth === silent ? {} : scope),
      })
      above = id
    }
    return above!
  }

  #tool(id: number): Partial<SpanWords> {
    return {
      name: 'execute_tool search',
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'search',
        'gen_ai.tool.call.id': `call_${id}`,
      },
    }
  }

  #wrapper(deed: 'agent' | 'chain', inner: readonly TokenBuckets[]): Partial<SpanWords> {
    const operation = deed === 'agent' ? 'invoke_agent' : 'invoke_workflow'
    const usage = this.#telling.wrapperUsage ? SPELLINGS[0]!.write(sumOf(inner)).attributes : {}
    return {
      name: operation,
      scope: this.#telling.wrapperScope,
      attributes: { ...usage, 'gen_ai.operation.name': operation },
    }
  }
}

/** The buckets as one text, to compare. */
export function bucketKey(b: TokenBuckets): string {
  return [b.inputUncached, b.cacheRead, b.cacheWrite, b.outputText, b.outputReasoning].join('/')
}

export function sumOf(all: readonly TokenBuckets[]): TokenBuckets {
  const total = (read: (b: TokenBuckets) => number): number => all.reduce((sum, b) => sum + read(b), 0)
  return {
    inputUncached: total((b) => b.inputUncached),
    cacheRead: total((b) => b.cacheRead),
    cacheWrite: total((b) => b.cacheWrite),
    cacheWrite1h: total((b) => b.cacheWrite1h),
    outputText: total((b) => b.outputText),
    outputReasoning: total((b) => b.outputReasoning),
  }
}
