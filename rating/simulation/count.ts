import { type Assembly, isBilledElsewhere, type ModelCall } from '../../core/assembly.ts'
import { assemblyFromDocument } from '../../core/assembly-document.ts'
import { Decimal } from '../../core/money.ts'
import { costInto, type PriceOf } from '../costs/cost.ts'
import { nameOf } from '../name.ts'
import type { BookedUsage, RatedUsage } from './events.ts'
import { SwitchedCosts } from './switched-costs.ts'
import { type FindSwitch, type SwitchedTo, switchCall } from './switching.ts'
import type { Tally } from './tally.ts'
import type { ScaleCount } from './token-ratio.ts'

/** What is otherwise about the calls of a scenario. Without ratios no model is switched. */
export interface Switching {
  readonly find: FindSwitch
  readonly ratios: readonly ScaleCount[]
  readonly priceOf: PriceOf
}

/** Calls of one model that were switched. */
export interface SwitchedCalls {
  readonly provider: string | null
  readonly model: string | null
  readonly to: SwitchedTo
  calls: number
}

/** What was seen beside the sums. */
export class Seen {
  events = 0
  unattributed = 0
  unmeteredCalls = 0
  readonly switched = new Map<string, SwitchedCalls>()
}

const NANOS_PER_MICRO = 1000n

/** Adds an event to the tally: as it was, and as it would have been with other models, these costed by the price book. */
export function countEvent(tally: Tally, seen: Seen, event: RatedUsage, switching: Switching): void {
  const assembly = assemblyFromDocument(event.document)
  const { earlier } = event
  tally.add(event, 0, earlier, assembly)
  if (!earlier) {
    seen.events++
    if (event.subscriptionId === null && !isBilledElsewhere(assembly)) seen.unattributed++
    for (const call of assembly.calls) if (!call.metered) seen.unmeteredCalls++
  }
  const { ratios } = switching
  if (ratios.length === 0) return
  const targets = assembly.calls.map(({ provider, model }) => switching.find(provider, model))
  if (!targets.some((to) => to !== null)) {
    for (const no of ratios.keys()) tally.add(event, no + 1, earlier, assembly)
    return
  }
  if (!earlier) noteSwitched(seen, assembly, targets)
  for (const no of ratios.keys()) countSwitched(tally, event, assembly, targets, switching, no)
}

function countSwitched(
  tally: Tally,
  event: RatedUsage,
  assembly: Assembly,
  targets: readonly (SwitchedTo | null)[],
  { ratios, priceOf }: Switching,
  ratioNo: number,
): void {
  const { earlier } = event
  const variant = ratioNo + 1
  const recordedAt = BigInt(Math.round(event.recordedAtMicros)) * NANOS_PER_MICRO
  const costs = new SwitchedCosts(tally.sumsOf(event, variant, earlier))
  const switched: ModelCall[] = []
  const calls = assembly.calls.map((call, no) => {
    const to = targets[no]
    if (!to) return call
    const other = switchCall(call, to, ratios[ratioNo]!)
    costInto(costs, other, priceOf, recordedAt)
    switched.push(other)
    return other
  })
  const unpriced = costs.close()
  tally.add(event, variant, earlier, { ...assembly, calls })
  if (earlier) return
  for (const call of switched) tally.addCalls(event, variant, call, 1, unpriced.has(call.spanId) ? 1 : 0)
}

/**
 * Adds what is booked: costs as they were booked, whatever the price book says by now, and the calls by model. Those of
 * models that are switched are not part of what would have been.
 */
export function countBooked(tally: Tally, booked: BookedUsage, { find, ratios }: Switching): void {
  const { provider, model, earlier, calls, unpricedCalls } = booked
  const stays = ratios.length > 0 && find(provider, model) === null
  const amount = new Decimal(booked.cogs)
  for (let variant = 0; variant <= (stays ? ratios.length : 0); variant++) {
    if (!amount.isZero()) tally.addCost(booked, variant, earlier, booked, amount)
    if (!earlier && calls !== 0) tally.addCalls(booked, variant, booked, calls, unpricedCalls)
  }
}

function noteSwitched(seen: Seen, assembly: Assembly, targets: readonly (SwitchedTo | null)[]): void {
  assembly.calls.forEach(({ provider, model }, no) => {
    const to = targets[no]
    if (!to) return
    const name = nameOf(provider, model)
    const known = seen.switched.get(name)
    if (known) known.calls++
    else seen.switched.set(name, { provider, model, to, calls: 1 })
  })
}
