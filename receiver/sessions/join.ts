import { type Assembly, isBilledElsewhere, type JoinedTraces, type ModelCall } from '../../core/assembly.ts'
import type { TraceId } from '../../core/ids.ts'
import type { UnixNano } from '../../core/time.ts'
import type { Anomaly } from '../../core/usage.ts'
import { compareAnomalies } from '../assemble/anomalies.ts'
import { compareText } from '../assemble/unique.ts'

/** A trace of a session, its mirrors settled. */
export interface SessionTrace {
  readonly traceId: TraceId
  readonly assembly: Assembly
}

/** Whose the event of a session is: the same for all of its traces. */
export interface SessionName {
  readonly product: string
  readonly session: string
  /** Null: its traces name none. */
  readonly customer: string | null
}

/**
 * What the traces of a session amount to together. A pure function of the set: whichever was cut first does not matter.
 * @param fallback the times of an event that has no trace any more
 */
export function joinTraces(
  given: readonly SessionTrace[],
  { product, session, customer }: SessionName,
  fallback: { readonly startNano: UnixNano; readonly endNano: UnixNano },
): Assembly {
  const traces = given.toSorted(byStart)
  const assemblies = traces.map(({ assembly }) => assembly)
  return {
    calls: assemblies.flatMap(({ calls }) => calls).sort(byStartAndSpan),
    tools: assemblies.flatMap(({ tools }) => tools).sort(byStartAndSpan),
    reasoningSteps: assemblies.reduce((steps, { reasoningSteps }) => steps + reasoningSteps, 0),
    anomalies: anomaliesOf(assemblies),
    ...boundsOf(assemblies, fallback),
    customer,
    product,
    session,
    agent: assemblies.find(({ agent }) => agent !== null)?.agent ?? null,
    spanIds: assemblies.flatMap(({ spanIds }) => spanIds),
    joined: joinedOf(traces),
  }
}

/** What is left of a trace's own event once the event of its session has all of it. */
export function movedInto(eventId: string, assembly: Assembly): Assembly {
  return {
    ...assembly,
    calls: [],
    tools: [],
    reasoningSteps: 0,
    anomalies: [{ kind: 'joined', spanId: '', reason: eventId }],
    session: null,
    spanIds: [],
  }
}

/** Traces in the order in which a session's event tells them. */
export function byStart(a: SessionTrace, b: SessionTrace): number {
  if (a.assembly.startNano !== b.assembly.startNano) {
    return a.assembly.startNano < b.assembly.startNano ? -1 : 1
  }
  return compareText(a.traceId, b.traceId)
}

function byStartAndSpan(
  a: Pick<ModelCall, 'startNano' | 'spanId'>,
  b: Pick<ModelCall, 'startNano' | 'spanId'>,
): number {
  if (a.startNano !== b.startNano) return a.startNano < b.startNano ? -1 : 1
  return compareText(a.spanId, b.spanId)
}

/** What is said of whole traces is said once of the session. */
function anomaliesOf(assemblies: readonly Assembly[]): readonly Anomaly[] {
  const all = assemblies.flatMap(({ anomalies }) => anomalies).sort(compareAnomalies)
  return all.filter(
    (anomaly, i) => anomaly.spanId !== '' || i === 0 || compareAnomalies(anomaly, all[i - 1]!) !== 0,
  )
}

function joinedOf(traces: readonly SessionTrace[]): JoinedTraces {
  const counted = traces.map(({ assembly }) => assembly).filter((assembly) => !isBilledElsewhere(assembly))
  return {
    traces: traces.map(({ traceId, assembly }) => ({ traceId, spans: assembly.spanIds.length })),
    counted: counted.length,
    runningNano: runningNano(counted.filter(isTimed)),
  }
}

/** The length of the union of the traces' times: two that ran at once count once, the pause between two does not. */
function runningNano(inOrder: readonly Assembly[]): bigint {
  let running = 0n
  let until: UnixNano | null = null
  for (const { startNano, endNano } of inOrder) {
    const from: UnixNano = until !== null && until > startNano ? until : startNano
    if (endNano > from) running += endNano - from
    if (until === null || endNano > until) until = endNano
  }
  return running
}

function isTimed({ anomalies }: Assembly): boolean {
  return anomalies.every(({ kind }) => kind !== 'bad_time')
}

/** Of the traces whose times are believed; of all, where none is. */
function boundsOf(
  assemblies: readonly Assembly[],
  fallback: { readonly startNano: UnixNano; readonly endNano: UnixNano },
): { readonly startNano: UnixNano; readonly endNano: UnixNano } {
  const timed = assemblies.filter(isTimed)
  const [first, ...others] = timed.length > 0 ? timed : assemblies
  if (first === undefined) return { startNano: fallback.startNano, endNano: fallback.endNano }
  let { startNano, endNano } = first
  for (const other of others) {
    if (other.startNano < startNano) startNano = other.startNano
    if (other.endNano > endNano) endNano = other.endNano
  }
  return { startNano, endNano }
}
