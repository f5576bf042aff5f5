import type pg from 'pg'
import type { Assembly } from '../../core/assembly.ts'
import { SESSION_APART_MS_MAX } from '../../core/session.ts'
import { nanoOfMillis, rfc3339, type UnixNano } from '../../core/time.ts'
import { readSessionStarts } from '../../schema/budgets/session-starts.ts'
import { eventNano } from '../cut/revision.ts'
import { readHomes, type SessionHome } from '../cut/session-homes.ts'
import type { DueTrace } from '../cut/trace.ts'

interface ReadTrace {
  readonly trace: DueTrace
  readonly assembly: Assembly
}

/** A trace that is in no event yet and will be in that of its session. */
interface Joining {
  readonly trace: DueTrace
  readonly assembly: Assembly
  readonly home: SessionHome
  readonly startNano: UnixNano
}

/**
 * The times of the events that open traces are of, or will be, so that each counts in the month, and at the prices, that it will
 * be billed in: of its own event that is its start, of a session's that of the event which has room for it, or of the earliest
 * of the session's traces that are open. RFC 3339, in the order of the traces.
 */
export async function readEventTimes(
  client: pg.PoolClient,
  traces: readonly ReadTrace[],
): Promise<readonly string[]> {
  const fresh = traces.filter(({ trace }) => trace.eventTime === null)
  const homes = await readHomes(client, fresh)
  const joining = fresh.flatMap(({ trace, assembly }, i): Joining[] => {
    const home = homes[i] ?? null
    return home === null ? [] : [{ trace, assembly, home, startNano: eventNano(assembly, trace) }]
  })
  const starts = await readSessionStarts(
    client,
    joining.map(({ trace: { tenantId, traceId }, assembly, home, startNano }) => ({
      tenantId,
      session: home.session,
      customer: home.customer,
      product: home.product,
      at: rfc3339(startNano),
      spans: assembly.spanIds.length,
      trace: traceId,
    })),
  )
  const beside = Map.groupBy(joining, ({ trace, home }) => `${trace.tenantId} ${home.key}`)
  const timeOf = new Map(
    joining.map(({ trace, home, startNano }, i): [DueTrace, string] => {
      const { events, open } = starts[i]!
      const others = beside.get(`${trace.tenantId} ${home.key}`)!
      const near = others.map((other) => other.startNano).filter((other) => isNear(other, startNano))
      return [trace, events[0] ?? [...open, ...near.map(rfc3339)].sort(byInstant)[0]!]
    }),
  )
  return traces.map(
    ({ trace, assembly }) => trace.eventTime ?? timeOf.get(trace) ?? rfc3339(eventNano(assembly, trace)),
  )
}

const APART_NANO = nanoOfMillis(SESSION_APART_MS_MAX)

function isNear(a: UnixNano, b: UnixNano): boolean {
  return a - b <= APART_NANO && b - a <= APART_NANO
}

function byInstant(a: string, b: string): number {
  return Date.parse(a) - Date.parse(b) || (a < b ? -1 : 1)
}
