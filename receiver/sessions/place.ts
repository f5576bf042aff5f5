import { SESSION_APART_MS_MAX, SESSION_SPANS_MAX, SESSION_TRACES_MAX } from '../../core/session.ts'
import { nanoOfMillis, type UnixNano } from '../../core/time.ts'

/* Where a session stays within the bounds of one event, that does not depend on the order in which its traces come. */

/** An event of a session, as far as it says who has room in it. */
export interface SessionPlace {
  /** How many events of the session came before. */
  readonly place: number
  /** Time of the event, fixed by the first trace; null before. */
  readonly timeNano: UnixNano | null
  readonly traceCount: number
  readonly spanCount: number
}

/** The place of a trace that begins at `startNano`: the first event with room for it, or null where a new one begins. */
export function placeFor<P extends SessionPlace>(
  places: readonly P[],
  startNano: UnixNano,
  spans: number,
): P | null {
  const inOrder = places.toSorted((a, b) => a.place - b.place)
  return inOrder.find((place) => hasRoom(place, startNano, spans)) ?? null
}

const APART_NANO_MAX = nanoOfMillis(SESSION_APART_MS_MAX)

function hasRoom(
  { timeNano, traceCount, spanCount }: SessionPlace,
  startNano: UnixNano,
  spans: number,
): boolean {
  if (timeNano !== null) {
    const apart = startNano - timeNano
    if (apart > APART_NANO_MAX || apart < -APART_NANO_MAX) return false
  }
  if (traceCount === 0) return true
  return traceCount < SESSION_TRACES_MAX && spanCount + spans <= SESSION_SPANS_MAX
}
