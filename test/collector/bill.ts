import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { BillableEvent } from '../../api/event-fields.ts'
import type { Told } from './traffic.ts'
import { within } from './wait.ts'

const BILLED_MS_MAX = 60_000
/** Longer than the quiet after which the tests' Aforo cuts again, so that a second count would show. */
const SETTLED_MS = 700
const PAGE = 200

/** Where Aforo's API is, and a key for it where it asks for one. */
export interface Door {
  readonly port: number
  readonly key?: string
}

/** All events of a customer, or all there are. */
export async function eventsAt(door: Door, customer?: string): Promise<readonly BillableEvent[]> {
  const events: BillableEvent[] = []
  let cursor: string | null = null
  do {
    const query = new URLSearchParams({ limit: String(PAGE) })
    if (customer !== undefined) query.set('customer', customer)
    if (cursor !== null) query.set('cursor', cursor)
    const headers: Record<string, string> = door.key ? { authorization: `Bearer ${door.key}` } : {}
    const response = await fetch(`http://127.0.0.1:${door.port}/v1/events?${query}`, { headers })
    if (!response.ok) throw new Error(`/v1/events answered ${response.status}: ${await response.text()}`)
    const page = (await response.json()) as { data: BillableEvent[]; next_cursor: string | null }
    events.push(...page.data)
    cursor = page.next_cursor
  } while (cursor !== null)
  return events
}

/**
 * Waits until a customer's events say just what was told: every trace once, with its one call and its tokens, nothing
 * besides. Looks again after a while, as what comes double comes late.
 */
export async function expectBilled(door: Door, customer: string, told: readonly Told[]): Promise<void> {
  const wanted = told
    .map(({ traceId, input, output }) => `${traceId}: 1 call, ${input} in, ${output} out`)
    .sort()
  const billed = async () => (await eventsAt(door, customer)).map(inWords).sort()
  await within(BILLED_MS_MAX, `${told.length} traces of ${customer} are billed`, async () => {
    const now = await billed()
    return now.length === wanted.length && now.every((words, i) => words === wanted[i])
  }).catch(async () => expect(await billed()).toEqual(wanted))
  await sleep(SETTLED_MS)
  expect(await billed()).toEqual(wanted)
}

function inWords({ trace_id, model_calls, usage }: BillableEvent): string {
  const calls = model_calls === 1 ? '1 call' : `${model_calls} calls`
  return `${trace_id}: ${calls}, ${usage.input_tokens} in, ${usage.output_tokens} out`
}
