import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Assembly } from '../../core/assembly.ts'
import { inputTokens, outputTokens, type Usage } from '../../core/usage.ts'
import {
  type MadeCall,
  madeCalls,
  type Observer,
  toolsMade,
  tracesOf,
} from '../../test/support/traced-calls.ts'
import { NOON_NANO } from '../../test/support/usages.ts'
import { assemble } from '../assemble/assemble.ts'
import { acrossTraces } from './across.ts'

const BY_PLACE = { byPlace: true }

/** How a deployment is instrumented: everything it does is told by the same observers, of which some see no cached tokens. */
const DEPLOYMENTS: readonly { readonly toldBy: readonly Observer[]; readonly blind: readonly Observer[] }[] =
  [
    { toldBy: ['framework'], blind: [] },
    { toldBy: ['sdk'], blind: [] },
    { toldBy: ['framework', 'sdk'], blind: [] },
    { toldBy: ['framework', 'sdk'], blind: ['sdk'] },
    { toldBy: ['framework', 'sdk'], blind: ['framework'] },
    { toldBy: ['framework', 'silent'], blind: [] },
    { toldBy: ['sdk', 'gateway'], blind: [] },
    { toldBy: ['sdk', 'gateway'], blind: ['sdk'] },
    { toldBy: ['sdk', 'gateway'], blind: ['gateway'] },
    { toldBy: ['framework', 'sdk', 'gateway'], blind: [] },
    { toldBy: ['framework', 'sdk', 'gateway'], blind: ['gateway'] },
    { toldBy: ['silent', 'poll'], blind: [] },
    { toldBy: ['framework', 'silent', 'poll'], blind: [] },
    { toldBy: ['queued', 'sdk'], blind: [] },
    { toldBy: ['queued', 'sdk'], blind: ['queued'] },
    { toldBy: ['queued', 'sdk'], blind: ['sdk'] },
    { toldBy: ['queued', 'silent'], blind: [] },
    { toldBy: ['queued', 'sdk', 'gateway'], blind: [] },
  ]

function across(traces: readonly (readonly Usage[])[], rules = BY_PLACE): readonly Assembly[] {
  return acrossTraces(
    traces.map((usages) => ({ usages, assembly: assemble(usages, { now: NOON_NANO }) })),
    rules,
  )
}

function tokensOf(assemblies: readonly Assembly[]): readonly string[] {
  const calls = assemblies.flatMap((assembly) => assembly.calls)
  return calls.map(({ buckets }) => `${inputTokens(buckets)}/${outputTokens(buckets)}`).sort()
}

function isTool({ usageClass }: Usage): boolean {
  return usageClass === 'tool'
}

function countOf({ calls, tools }: Assembly): number {
  return calls.length + tools.length
}

function made(calls: readonly MadeCall[]): readonly string[] {
  return calls.map((call) => `${call.input + call.cached}/${call.output}`).sort()
}

describe('calls told in several traces', () => {
  it('are each counted once, with their tokens, also where many are alike and at once', () => {
    fc.assert(
      fc.property(madeCalls, fc.constantFrom(...DEPLOYMENTS), (calls, { toldBy, blind }) => {
        // A gateway and a poll share nothing but the id with whoever made the call.
        const told = calls.map((call) => ({
          ...call,
          toldBy,
          blind,
          hasId: call.hasId || toldBy.some((observer) => observer === 'gateway' || observer === 'poll'),
        }))
        const found = across(tracesOf('run', told))
        expect(tokensOf(found)).toEqual(made(calls))
        expect(found.flatMap(({ tools }) => tools)).toHaveLength(toolsMade(told))
      }),
      { numRuns: 2000 },
    )
  })

  it('are the same whatever the order of traces and spans', () => {
    fc.assert(
      fc.property(madeCalls, fc.infiniteStream(fc.nat(1000)), (calls, dice) => {
        const traces = tracesOf('run', calls)
        const ranked = traces.map((trace, i) => ({ trace, i, rank: dice.next().value as number }))
        const shuffled = ranked.sort((a, b) => a.rank - b.rank)
        const results = across(shuffled.map(({ trace }) => trace.toReversed()))
        const inPlace = shuffled.map(({ i }, at) => ({ i, result: results[at]! }))
        expect(inPlace.sort((a, b) => a.i - b.i).map(({ result }) => result)).toEqual(across(traces))
      }),
      { numRuns: 1000 },
    )
  })

  it('leave each trace with what it had, or pointing to another that has it', () => {
    fc.assert(
      fc.property(madeCalls, (calls) => {
        const traces = tracesOf('run', calls)
        const owners = new Map(across(traces).map((assembly, i) => [traces[i]![0]!.traceId, assembly]))
        for (const [i, usages] of traces.entries()) {
          const alone = assemble(usages, { now: NOON_NANO })
          const result = owners.get(traces[i]![0]!.traceId)!
          const mirrors = result.anomalies.filter(({ kind }) => kind === 'mirror')
          expect(countOf(result) + mirrors.length).toBe(countOf(alone))
          for (const { reason } of mirrors) expect(countOf(owners.get(reason)!)).toBeGreaterThan(0)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('stay as many as they are told where ids alone count and there are none', () => {
    fc.assert(
      fc.property(madeCalls, (calls) => {
        const traces = tracesOf(
          'run',
          calls.map((call) => ({ ...call, hasId: false })),
        )
        const told = calls.reduce((sum, { toldBy }) => sum + toldBy.length, 0)
        const found = across(traces, { byPlace: false })
        expect(tokensOf(found)).toHaveLength(told)
        expect(found.flatMap(({ tools }) => tools)).toHaveLength(traces.flat().filter(isTool).length)
      }),
      { numRuns: 300 },
    )
  })
})
