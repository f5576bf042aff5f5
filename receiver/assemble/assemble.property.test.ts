import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Assembly } from '../../core/assembly.ts'
import { inputTokens, outputTokens, type TokenBuckets, type Usage } from '../../core/usage.ts'
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
import { SPAN_TEST_START, type SpanWords, usage } from '../../test/support/spans.ts'
import { SPELLINGS } from '../../test/support/spellings.ts'
import { assemble } from './assemble.ts'

/*
 * An agent does something, somebody tells of it in spans, and the assembly must find what was done however it is told.
 * A failure prints its seed and the smallest trace that fails.
 */
const rows = (words: readonly SpanWords[]): Usage[] => words.map(usage)
const assembled = (usages: readonly Usage[]): Assembly => assemble(usages, { now: SPAN_TEST_START })

function retold(row: Usage, how: number): Usage {
  if (how === 0) return { ...row, metered: false }
  if (how === 1) return { ...row, endNano: row.endNano - 1n, startNano: row.startNano - 1n }
  if (how === 2) return { ...row, name: 'another' }
  return row
}

function found({ calls }: Assembly): readonly string[] {
  return calls.map(({ buckets }) => bucketKey(buckets)).sort()
}

describe('assembly', () => {
  it('finds every call and every tool once, in any spelling, under any layers and wrappers', () => {
    fc.assert(
      fc.property(deeds, tellings, (done, telling) => {
        const trace = assembled(rows(tell(done, telling)))
        expect(found(trace)).toEqual(callsOf(done).map(bucketKey).sort())
        expect(trace.tools).toHaveLength(toolsOf(done))
        const told = trace.anomalies.map(({ reason }) => reason).filter((reason) => reason !== 'no_customer')
        // Agents may only have run tools: each outermost one is told.
        const areSilent = callsOf(done).length === 0 && told.length > 0
        expect([...new Set(told)]).toEqual(areSilent ? ['agent_without_calls'] : [])
      }),
      { numRuns: 10000 },
    )
  })

  it('does not depend on order or on how often a span arrives', () => {
    fc.assert(
      fc.property(deeds, tellings, fc.infiniteStream(fc.nat()), (done, telling, numbers) => {
        const usages = rows(tell(done, telling))
        // An exporter may have sent a span before it was whole, and another emitter may have used its id.
        const again = usages
          .filter(() => numbers.next().value % 3 === 0)
          .map((row) => retold(row, numbers.next().value % 5))
        const shuffled = [...usages, ...again, ...again]
          .map((row) => [numbers.next().value, row] as const)
          .sort(([a], [b]) => a - b)
          .map(([, row]) => row)
        expect(assembled(shuffled)).toEqual(assembled([...usages, ...again]))
      }),
      { numRuns: 1000 },
    )
  })

  it('adds nothing when a wrapper with the sum, or a layer, is put around', () => {
    fc.assert(
      fc.property(deeds, fc.nat({ max: 3 }), (done, layers) => {
        const plain = found(assembled(rows(tell(done, PLAIN))))
        const wrapped = { ...PLAIN, layers: [layers], wrapperUsage: true, outerAgent: true }
        expect(found(assembled(rows(tell(done, wrapped))))).toEqual(plain)
      }),
      { numRuns: 1000 },
    )
  })

  it('does not change with the spelling or the convention', () => {
    fc.assert(
      fc.property(deeds, fc.constantFrom(...SPELLINGS), (done, spelling) => {
        const told = { ...PLAIN, spellings: [spelling] }
        expect(found(assembled(rows(tell(done, told))))).toEqual(found(assembled(rows(tell(done, PLAIN)))))
      }),
      { numRuns: 1000 },
    )
  })

  it('counts a mirror with the same id once, and one with other tokens beside it', () => {
    fc.assert(
      fc.property(deeds, fc.boolean(), (done, other) => {
        const words = tell(done, PLAIN)
        const at = words.findIndex((span) => span.attributes?.['gen_ai.operation.name'] === 'chat')
        fc.pre(at !== -1)
        const call = words[at]!
        const named = {
          ...call,
          attributes: { ...call.attributes, 'gen_ai.response.id': 'msg_01XFDUDYJgAACzvnptvVoYEL' },
        }
        const tokens = Number(call.attributes!['gen_ai.usage.output_tokens']) + (other ? 1 : 0)
        const mirror: SpanWords = {
          ...named,
          id: 1_000_000,
          scope: 'openrouter',
          resource: { 'service.name': 'gateway' },
          attributes: { ...named.attributes, 'gen_ai.usage.output_tokens': tokens },
        }
        const { parent: _, ...root } = mirror
        const trace = assembled(rows([...words.with(at, named), root]))
        expect(trace.calls).toHaveLength(callsOf(done).length + (other ? 1 : 0))
      }),
      { numRuns: 1000 },
    )
  })

  it('works out a silent call where the wrapper is a sum, and lists it where it is not', () => {
    fc.assert(
      fc.property(deeds, fc.nat(), fc.boolean(), (done, nth, isSum) => {
        const truth = callsOf(done)
        fc.pre(truth.length > 0)
        const silent = nth % truth.length
        // Each call is told by one span, and one agent around all of them knows the sum.
        const words = tell(done, { ...PLAIN, silent }).map((span) =>
          span.parent === undefined ? { ...span, parent: 1_000_000 } : span,
        )
        const whole = SPELLINGS[0]!.write(sumOf(truth)).attributes
        const agent: SpanWords = {
          id: 1_000_000,
          to: 1e7,
          scope: isSum ? 'gen_ai' : 'test-agents',
          attributes: { ...whole, 'gen_ai.operation.name': 'invoke_agent' },
        }
        const trace = assembled(rows([agent, ...words]))
        const unmetered = trace.anomalies.filter(({ kind }) => kind === 'unmetered')
        const known = truth.filter((_, at) => at !== silent)
        if (isSum || truth.length === 1) {
          expect(found(trace)).toEqual(truth.map(bucketKey).sort())
          expect(unmetered).toEqual([])
        } else {
          expect(found({ ...trace, calls: trace.calls.filter((call) => call.metered) })).toEqual(
            known.map(bucketKey).sort(),
          )
          expect(unmetered).toHaveLength(1)
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('gives buckets that are never negative and add up to what the provider counted', () => {
    fc.assert(
      fc.property(deeds, tellings, (done, telling) => {
        const { calls } = assembled(rows(tell(done, telling)))
        const total = (all: readonly TokenBuckets[]): number =>
          all.reduce((sum, buckets) => sum + inputTokens(buckets) + outputTokens(buckets), 0)
        for (const { buckets } of calls) {
          for (const bucket of Object.values(buckets)) expect(bucket).toBeGreaterThanOrEqual(0)
        }
        expect(total(calls.map(({ buckets }) => buckets))).toBe(total(callsOf(done)))
      }),
      { numRuns: 1000 },
    )
  })
})
