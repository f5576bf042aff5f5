import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Assembly } from '../../core/assembly.ts'
import type { TokenBuckets, Usage } from '../../core/usage.ts'
import {
  bucketKey,
  callsOf,
  deeds,
  PLAIN,
  sumOf,
  tell,
  tellings,
  toolsOf,
} from '../../test/support/agent-traces.ts'
import { requestOf } from '../../test/support/otlp-of-words.ts'
import { SPAN_TEST_START, type SpanWords, usage } from '../../test/support/spans.ts'
import { SPELLINGS } from '../../test/support/spellings.ts'
import { decodeJson } from '../decode/json.ts'
import { compileKeys } from '../decode/keys.ts'
import { DEFAULT_ATTRIBUTION } from '../dialects/attribution.ts'
import { COUNTED_KEYS, KEYS, USAGE_INSIDE_KEYS } from '../dialects/keys.ts'
import { toUsage } from '../dialects/normalise.ts'
import { assemble } from './assemble.ts'

/*
 * What must not change what a trace amounts to, and what must change it by exactly one call. A failure prints its seed
 * and the smallest trace that fails.
 */
const TABLE = compileKeys(KEYS, COUNTED_KEYS, USAGE_INSIDE_KEYS)
const OUTERMOST = 1_000_000

const assembled = (usages: readonly Usage[]): Assembly => assemble(usages, { now: SPAN_TEST_START })
const found = ({ calls }: Assembly): readonly string[] =>
  calls.map(({ buckets }) => bucketKey(buckets)).sort()
const keysOfAll = (all: readonly TokenBuckets[]): readonly string[] => all.map(bucketKey).sort()

describe('assembly', () => {
  it('does not depend on how spans are cut into requests, or how often those arrive', () => {
    fc.assert(
      fc.property(deeds, tellings, fc.infiniteStream(fc.nat()), (done, telling, numbers) => {
        const words = tell(done, telling)
        const batches = new Map<number, SpanWords[]>()
        for (const each of words) {
          for (let times = numbers.next().value % 3; times >= 0; times--) {
            const batch = numbers.next().value % 5
            batches.set(batch, [...(batches.get(batch) ?? []), each])
          }
        }
        const arrived = [...batches.values()].flatMap((batch) => received(batch))
        expect(assembled(arrived)).toEqual(assembled(words.map(usage)))
      }),
      { numRuns: 500 },
    )
  })

  it('counts an agent that runs in a tool that a call asked for in full', () => {
    fc.assert(
      fc.property(deeds, tellings, fc.nat({ max: 2 }), (done, telling, layers) => {
        const asking = { ...sumOf(callsOf(done)), inputUncached: 1, outputText: 1 }
        const within = [{ deed: 'tool', inner: [{ deed: 'agent', inner: done }] }] as const
        const whole = [{ deed: 'call', buckets: asking, tools: within }] as const
        const trace = assembled(tell(whole, { ...telling, layers: [layers] }).map(usage))
        expect(found(trace)).toEqual(keysOfAll([asking, ...callsOf(done)]))
        expect(trace.tools).toHaveLength(toolsOf(done) + 1)
      }),
      { numRuns: 500 },
    )
  })

  it('gives an answer told again at another time as one cache hit more', () => {
    fc.assert(
      fc.property(deeds, fc.constantFrom('test-calls', 'openrouter'), (done, scope) => {
        const words = tell(done, PLAIN)
        const at = words.findIndex((each) => each.attributes?.['gen_ai.operation.name'] === 'chat')
        fc.pre(at !== -1)
        const named = withAttribute(words[at]!, 'gen_ai.response.id', 'chatcmpl-CjQ4wE5rT6yU7iO8pA9s')
        const { parent: _, ...again } = { ...named, id: OUTERMOST, scope, from: 2e7, to: 2e7 + 10 }
        const { calls } = assembled([...words.with(at, named), again].map(usage))
        expect(calls).toHaveLength(callsOf(done).length + 1)
        expect(calls.filter((call) => call.cacheHit)).toHaveLength(1)
      }),
      { numRuns: 300 },
    )
  })

  it('merges a client and a provider that have only the number of the request in common', () => {
    fc.assert(
      fc.property(deeds, fc.boolean(), (done, other) => {
        const words = tell(done, PLAIN)
        const at = words.findIndex((each) => each.attributes?.['gen_ai.operation.name'] === 'chat')
        fc.pre(at !== -1)
        const named = withAttribute(words[at]!, 'anthropic.request.id', 'req_011CWk3nPq8sTvXyZbD5fGhJ')
        const tokens = Number(named.attributes!['gen_ai.usage.output_tokens']) + (other ? 1 : 0)
        const { parent: _, ...mirror } = {
          ...withAttribute(named, 'gen_ai.usage.output_tokens', tokens),
          id: OUTERMOST,
          kind: 'server' as const,
          scope: 'com.anthropic.claude-platform',
          resource: { 'service.name': 'claude-platform' },
        }
        const { calls } = assembled([...words.with(at, named), mirror].map(usage))
        expect(calls).toHaveLength(callsOf(done).length + (other ? 1 : 0))
      }),
      { numRuns: 300 },
    )
  })

  it('undoes sums from call to call where the version is certain, and tells them where it is not', () => {
    const grows = fc.array(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 5000 })), {
      minLength: 2,
      maxLength: 6,
    })
    fc.assert(
      fc.property(grows, fc.constantFrom('3.4.0', '3.5.6', '4.0.0'), (steps, version) => {
        const truth = longerAndLonger(steps)
        const told = truth.map((_, at) => sumOf(truth.slice(0, at + 1)))
        const trace = assembled(springLoop(told, version).map(usage))
        const certain = version.startsWith('3.')
        expect(found(trace)).toEqual(keysOfAll(certain ? truth : told))
        expect(trace.anomalies.filter(({ reason }) => reason === 'maybe_cumulative')).toHaveLength(
          certain ? 0 : 1,
        )
      }),
      { numRuns: 500 },
    )
  })
})

/** The usages of those spans, as they come out of a request. */
function received(words: readonly SpanWords[]): Usage[] {
  const batch = decodeJson(Buffer.from(JSON.stringify(requestOf(words))), TABLE)
  return Array.from({ length: batch.length }, (_, at) => toUsage(batch.span(at), DEFAULT_ATTRIBUTION))
}

function withAttribute(words: SpanWords, key: string, value: string | number): SpanWords {
  return { ...words, attributes: { ...words.attributes, [key]: value } }
}

/** Requests of a loop: each repeats the one before and adds to it. */
function longerAndLonger(steps: readonly (readonly [number, number])[]): readonly TokenBuckets[] {
  let input = 0
  return steps.map(([more, output]) => {
    input += more
    return { ...sumOf([]), inputUncached: input, outputText: output }
  })
}

function springLoop(told: readonly TokenBuckets[], version: string): readonly SpanWords[] {
  const spring = { scope: 'org.springframework.boot', version }
  const client: SpanWords = { ...spring, id: 1, to: 1e6, attributes: { 'spring.ai.kind': 'chat_client' } }
  const calls = told.map((buckets, at) => ({
    ...spring,
    id: at + 2,
    parent: 1,
    from: at * 1000,
    to: at * 1000 + 900,
    attributes: SPELLINGS[0]!.write(buckets).attributes!,
  }))
  return [client, ...calls]
}
