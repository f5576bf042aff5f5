import type pg from 'pg'
import { eventIdOf } from '../../core/ids.ts'
import type { Log } from '../../core/log.ts'
import type { OpenTrace, OpenTraces } from '../../core/open-trace.ts'
import { readQueued } from '../../schema/budgets/queue.ts'
import { DUE_COLUMNS, dueTraceOf, keyOf } from '../cut/claim.ts'
import { TRACE_SPANS_MAX } from '../cut/cutter.ts'
import { readNamedCustomers, readStatedUsage, readUsages } from '../cut/read.ts'
import { type Assemble, assembleTrace } from '../cut/revision.ts'
import type { AssembledTrace } from '../cut/settle-mirrors.ts'
import type { TraceKey } from '../cut/trace.ts'
import { readEventTimes } from './event-times.ts'
import { holdsOf } from './holds-of.ts'
import { type OpenMirrors, weighMirrors } from './mirrors.ts'

/** Traces that are looked at because of those asked for, unless those are more. */
const MOVED_MAX = 100
const MOVED_ROUNDS_MAX = 3

/**
 * Assembles traces as a cut would now, without cutting them. What other traces saw of the same calls is weighed as the
 * cut does, over open traces and those that are cut; traces whose calls that changes are assembled too, and those that tell
 * of the same calls and wait to be looked at.
 * @param hold of such traces, those that may be assembled here, also where it is asked again; those that have calls in common
 *   with another are missed
 */
export type OpenAssembler = (
  client: pg.PoolClient,
  wanted: readonly TraceKey[],
  hold: (traces: readonly TraceKey[]) => Promise<readonly TraceKey[]>,
) => Promise<OpenTraces>

export function createOpenAssembler({ assemble, log }: { assemble: Assemble; log: Log }): OpenAssembler {
  const assembleOpen: OpenAssembler = async (client, wanted, hold) => {
    const failed: TraceKey[] = []
    const missed: TraceKey[] = []
    const refused = new Set<string>()
    const asked = new Map(wanted.map((trace) => [keyOf(trace), trace]))
    const alone = [...(await assembleAlone(client, wanted, assemble, log, failed))]
    let mirrors = await weighMirrors(client, alone)
    for (let round = 0; ; round++) {
      const all = await besideOf(client, mirrors, asked)
      const room = round < MOVED_ROUNDS_MAX ? Math.max(MOVED_MAX, wanted.length) : 0
      missed.push(...all.slice(room))
      const more = all.slice(0, room)
      if (more.length === 0) break
      for (const trace of more) asked.set(keyOf(trace), trace)
      const held = await hold(more)
      const names = new Set(held.map(keyOf))
      for (const trace of more) if (!names.has(keyOf(trace))) refused.add(keyOf(trace))
      if (held.length === 0) break
      alone.push(...(await assembleAlone(client, held, assemble, log, failed)))
      mirrors = await weighMirrors(client, alone)
    }
    const bound = boundTo(refused, alone, mirrors)
    const left = wanted.filter((trace) => !bound.has(keyOf(trace)))
    if (left.length < wanted.length) {
      const rest = left.length === 0 ? NOTHING : await assembleOpen(client, left, hold)
      const done = new Set([...rest.traces, ...rest.missed, ...rest.failed].map(keyOf))
      const later = [...asked].filter(([name]) => !refused.has(name) && !done.has(name))
      return { ...rest, missed: [...rest.missed, ...later.map(([, trace]) => trace)] }
    }
    await mirrors.write()
    const times = await readEventTimes(
      client,
      alone.map(({ trace }, i) => ({ trace, assembly: mirrors.traces[i]!.assembly })),
    )
    return {
      traces: alone.map((trace, i) => openTraceOf(trace, times[i]!, mirrors.traces[i]!)),
      missed,
      failed,
    }
  }
  return assembleOpen
}

const NOTHING: OpenTraces = { traces: [], missed: [], failed: [] }

/**
 * Traces that have calls in common with those that somebody else holds, or with such a one: a call of theirs would count for
 * both, or for neither, so they wait.
 */
function boundTo(
  refused: ReadonlySet<string>,
  traces: readonly AloneTrace[],
  { partners }: OpenMirrors,
): ReadonlySet<string> {
  const bound = new Set<string>()
  for (let before = -1; bound.size > before; ) {
    before = bound.size
    traces.forEach(({ trace }, i) => {
      const isBound = partners[i]!.some((other) => refused.has(keyOf(other)) || bound.has(keyOf(other)))
      if (isBound) bound.add(keyOf(trace))
    })
  }
  return bound
}

/**
 * Traces that are to be assembled beside those that are known: whose calls change by these, and of those that tell of the same
 * calls the ones that wait. Of two traces with one call, of which a cut gave it to the other, neither may count without it.
 */
async function besideOf(
  client: pg.PoolClient,
  { moved, partners }: OpenMirrors,
  known: { has(name: string): boolean },
): Promise<readonly TraceKey[]> {
  const isNew = (trace: TraceKey) => !known.has(keyOf(trace))
  const waiting = await readQueued(client, partners.flat().filter(isNew))
  return [...new Map([...moved.filter(isNew), ...waiting].map((trace) => [keyOf(trace), trace])).values()]
}

interface AloneTrace extends AssembledTrace {
  readonly isDue: boolean
}

/** Traces on their own. Those of no usage, and those too large to be held in memory, are left out. */
async function assembleAlone(
  client: pg.PoolClient,
  keys: readonly TraceKey[],
  assemble: Assemble,
  log: Log,
  failed: TraceKey[],
): Promise<readonly AloneTrace[]> {
  const { rows } = await client.query<Record<string, unknown>>({
    name: 'open_traces',
    text: `
      select ${DUE_COLUMNS}, cut_due_at is not null as is_due
      from unnest($1::text[], $2::text[]) as key (of_tenant, of_trace)
      cross join lateral (
        select * from aforo_store.traces t
        where t.tenant_id = key.of_tenant and t.trace_id = decode(key.of_trace, 'hex') offset 0) traces
      where has_usage and span_count <= ${TRACE_SPANS_MAX}
      order by tenant_id, trace_id`,
    values: [keys.map((key) => key.tenantId), keys.map((key) => key.traceId)],
  })
  const traces = rows.map((row) => ({ trace: dueTraceOf(row), isDue: row.is_due as boolean }))
  if (traces.length === 0) return []
  const due = traces.map(({ trace }) => trace)
  const usages = await readUsages(client, due)
  const customers = await readNamedCustomers(client, due)
  const stated = await readStatedUsage(client, due)
  return traces.flatMap(({ trace, isDue }) => {
    const key = keyOf(trace)
    const facts = { customer: customers.get(key) ?? null, usage: stated.get(key) ?? [] }
    try {
      const ofTrace = usages.get(key)!
      return [{ trace, isDue, usages: ofTrace, assembly: assembleTrace(trace, ofTrace, facts, assemble) }]
    } catch (error) {
      log.error(
        { err: error, tenant: trace.tenantId, trace: trace.traceId },
        'open trace cannot be assembled',
      )
      failed.push(trace)
      return []
    }
  })
}

function openTraceOf(
  { trace, usages, isDue, assembly: alone }: AloneTrace,
  time: string,
  { assembly, mirrored, isAsCut }: OpenMirrors['traces'][number],
): OpenTrace {
  return {
    tenantId: trace.tenantId,
    traceId: trace.traceId,
    assembly,
    eventId: trace.sessionEventId ?? eventIdOf(trace.traceId),
    inSession: trace.sessionEventId !== null,
    time,
    spans: usages.length,
    revision: trace.revision,
    isSettled: !isDue && trace.revision >= 0 && isAsCut,
    mirrored,
    holds: holdsOf(usages, alone),
  }
}
