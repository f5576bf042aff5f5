import type { SpanId } from '../../core/ids.ts'
import type { UnixNano } from '../../core/time.ts'
import type { Anomaly, Usage } from '../../core/usage.ts'
import { type Bounds, boundsUntil } from './bounds.ts'
import { SplitMap } from './split-map.ts'
import { MODEL_TRAITS, TRAIT, traitsOf } from './traits.ts'
import { inOrder, toldOnce } from './unique.ts'

/** The rows of a trace, one of each span, and what one look at each of them told. A place is that of a row in `usages`. */
export interface Rows {
  readonly usages: readonly Usage[]
  readonly ids: readonly SpanId[]
  /** By id, the place of a span. */
  readonly places: SplitMap<number>
  /** Places in the order of start and id. */
  readonly order: readonly number[]
  /** First start and last end of the spans whose times are believed; of all, where none is. */
  readonly bounds: Bounds
  /** What the span at each place is, in bits of TRAIT. */
  readonly traits: Uint32Array
  /** Where in `parentIds` the id of its parent is. Siblings mostly follow one another, and share one then. */
  readonly parentAt: Int32Array
  readonly parentIds: readonly SpanId[]
  /** Whether all that may count as a call of a model was told by one scope. */
  readonly isOneScope: boolean
}

/**
 * Reads each row once. The rows of a large trace are more than a processor keeps at hand, so what several steps ask of all
 * of them is noted together, in the order in which they lie in memory.
 */
export function readRows(usages: readonly Usage[], now: UnixNano, anomalies: Anomaly[]): Rows {
  const ids: SpanId[] = []
  const places = new SplitMap<number>(usages.length)
  const starts = new BigUint64Array(usages.length)
  const bounds = boundsUntil(now)
  const traits = new Uint32Array(usages.length)
  const parentAt = new Int32Array(usages.length)
  const parentIds: SpanId[] = []
  let parentId: SpanId | null = null
  let scope: string | null = null
  let isOneScope = true
  for (let place = 0; place < usages.length; place++) {
    const usage = usages[place]!
    ids.push(usage.spanId)
    // To ask of each span whether it was told before costs as much as to remember it, and most traces tell each once.
    places.set(usage.spanId, place)
    starts[place] = usage.startNano
    const isBelieved = bounds.extend(usage.startNano, usage.endNano)
    traits[place] = traitsOf(usage) | (isBelieved ? 0 : TRAIT.badTime)
    if (usage.parentSpanId !== parentId) {
      parentId = usage.parentSpanId
      parentIds.push(parentId)
    }
    parentAt[place] = parentIds.length - 1
    if ((traits[place]! & MODEL_TRAITS) !== 0) {
      scope ??= usage.scopeName
      isOneScope &&= usage.scopeName === scope
    }
  }
  if (places.size < usages.length) return readRows(toldOnce(usages, anomalies), now, anomalies)
  const order = inOrder(usages, starts)
  return { usages, ids, places, order, bounds: bounds.found(), traits, parentAt, parentIds, isOneScope }
}
