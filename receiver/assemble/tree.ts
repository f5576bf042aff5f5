import type { SpanId } from '../../core/ids.ts'
import type { UnixNano } from '../../core/time.ts'
import type { Anomaly, Usage, UsageClass } from '../../core/usage.ts'
import { type Bounds, boundsUntil } from './bounds.ts'
import type { UniqueSpans } from './unique.ts'
import { isOpen } from './versions.ts'

/** The spans of a trace as a forest. Missing parents and several roots are normal. Indexes are into `spans`. */
export interface Tree {
  readonly spans: readonly Usage[]
  readonly ids: readonly SpanId[]
  /** First start and last end of the spans whose times are believed; of all, where none is. */
  readonly bounds: Bounds
  /** What each span is, in bits of TRAIT. Steps that look for a few among many spans look here, not at each span. */
  readonly traits: Uint32Array
  /** Index of the parent, -1 for a root or a span whose parent is not here. */
  readonly parent: Int32Array
  /** Every index once, parents before their children. */
  readonly order: Int32Array
  /** Steps to the root. */
  readonly depth: Int32Array
  /** Place in a walk that goes down before it goes on: a span's descendants follow it without a gap. */
  readonly place: Int32Array
  /** The span and all beneath it. */
  readonly size: Int32Array
}

/**
 * Bits of a span's traits. The spans of a large trace lie all over the memory; walking over them again and again took
 * half of the time of assembling one.
 */
export const TRAIT = {
  call: 1,
  /** A call or an embedding. */
  request: 2,
  tool: 4,
  wrapper: 8,
  fetch: 16,
  metered: 32,
  /** Starts an agent. */
  agent: 64,
  server: 128,
  /** Has anomalies of its own. */
  odd: 256,
  plan: 512,
  /** Leaves open whether cached tokens are part of its input. */
  open: 1_024,
  /** Names whose the trace is; see `attribute`. */
  customer: 2_048,
  customerFallback: 4_096,
  product: 8_192,
  service: 16_384,
  session: 32_768,
  sessionFallback: 65_536,
  agentName: 131_072,
  /** Has times nobody believes. */
  badTime: 262_144,
  requestId: 524_288,
  responseId: 1_048_576,
} as const

/** Whether one of the two spans is above the other. */
export function isOnePath(tree: Tree, a: number, b: number): boolean {
  const [upper, lower] = tree.place[a]! <= tree.place[b]! ? [a, b] : [b, a]
  return tree.place[lower]! < tree.place[upper]! + tree.size[upper]!
}

/**
 * Builds the forest in linear time without recursion, as traces may be ten thousand spans deep. `spans` are unique and
 * in a fixed order. Spans that are each other's ancestors are cut apart at the first of them.
 */
export function toTree({ spans, indexOf }: UniqueSpans, now: UnixNano, anomalies: Anomaly[]): Tree {
  const traits = new Uint32Array(spans.length)
  const parent = new Int32Array(spans.length).fill(-1)
  const ids: SpanId[] = []
  const bounds = boundsUntil(now)
  // Siblings follow one another, so the last parent found is mostly the next one too.
  let parentId = ''
  let parentAt = -1
  for (let index = 0; index < spans.length; index++) {
    const usage = spans[index]!
    ids.push(usage.spanId)
    const isBelieved = bounds.extend(usage.startNano, usage.endNano)
    traits[index] = traitsOf(usage) | (isBelieved ? 0 : TRAIT.badTime)
    if (usage.parentSpanId !== parentId) {
      parentId = usage.parentSpanId
      parentAt = parentId === '' ? -1 : indexOf(parentId)
    }
    parent[index] = parentAt
  }
  for (const index of cutCycles(parent)) {
    const span = spans[index]!
    anomalies.push({ kind: 'conflict', spanId: span.spanId, reason: 'parent_cycle' })
  }
  const order = parentsFirst(parent)
  const depth = new Int32Array(spans.length)
  for (const index of order) {
    const above = parent[index]!
    depth[index] = above === -1 ? 0 : depth[above]! + 1
  }
  return { spans, ids, bounds: bounds.found(), traits, parent, order, depth, ...walk(parent, order) }
}

const CLASS_TRAITS: Readonly<Record<UsageClass, number>> = {
  call: TRAIT.call | TRAIT.request,
  embed: TRAIT.request,
  tool: TRAIT.tool,
  wrapper: TRAIT.wrapper,
  fetch: TRAIT.fetch,
  other: 0,
}

function traitsOf(usage: Usage): number {
  return (
    CLASS_TRAITS[usage.usageClass] |
    (usage.metered ? TRAIT.metered : 0) |
    (usage.agentBoundary ? TRAIT.agent : 0) |
    (usage.kind === 'server' ? TRAIT.server : 0) |
    (usage.anomalies.length > 0 ? TRAIT.odd : 0) |
    (usage.plan ? TRAIT.plan : 0) |
    (isOpen(usage) ? TRAIT.open : 0) |
    (usage.customer !== null ? TRAIT.customer : 0) |
    (usage.customerFallback !== null ? TRAIT.customerFallback : 0) |
    (usage.product !== null ? TRAIT.product : 0) |
    (usage.serviceName !== null ? TRAIT.service : 0) |
    (usage.session !== null ? TRAIT.session : 0) |
    (usage.sessionFallback !== null ? TRAIT.sessionFallback : 0) |
    (usage.agent !== null ? TRAIT.agentName : 0) |
    (usage.requestId !== null ? TRAIT.requestId : 0) |
    (usage.responseId !== null ? TRAIT.responseId : 0)
  )
}

/** Makes roots of the lowest index of each cycle, and returns them. */
function cutCycles(parent: Int32Array): readonly number[] {
  const roots: number[] = []
  const walked = new Int32Array(parent.length).fill(-1)
  for (let start = 0; start < parent.length; start++) {
    let at = start
    while (at !== -1 && walked[at] === -1) {
      walked[at] = start
      at = parent[at]!
    }
    if (at === -1 || walked[at] !== start) continue
    let lowest = at
    for (let on = parent[at]!; on !== at; on = parent[on]!) lowest = Math.min(lowest, on)
    parent[lowest] = -1
    roots.push(lowest)
  }
  return roots
}

function parentsFirst(parent: Int32Array): Int32Array {
  const children = childLists(parent)
  const order = new Int32Array(parent.length)
  let filled = 0
  for (let index = 0; index < parent.length; index++) {
    if (parent[index] === -1) order[filled++] = index
  }
  for (let read = 0; read < filled; read++) {
    const at = order[read]!
    for (let child = children.first[at]!; child !== -1; child = children.next[child]!) order[filled++] = child
  }
  return order
}

function childLists(parent: Int32Array): { first: Int32Array; next: Int32Array } {
  const first = new Int32Array(parent.length).fill(-1)
  const next = new Int32Array(parent.length).fill(-1)
  for (let index = parent.length - 1; index >= 0; index--) {
    const above = parent[index]!
    if (above === -1) continue
    next[index] = first[above]!
    first[above] = index
  }
  return { first, next }
}

function walk(parent: Int32Array, order: Int32Array): { place: Int32Array; size: Int32Array } {
  const size = new Int32Array(parent.length).fill(1)
  for (let at = order.length - 1; at >= 0; at--) {
    const index = order[at]!
    const above = parent[index]!
    if (above !== -1) size[above] = size[above]! + size[index]!
  }
  const place = new Int32Array(parent.length)
  const nextBeneath = new Int32Array(parent.length)
  let nextRoot = 0
  for (const index of order) {
    const above = parent[index]!
    if (above === -1) {
      place[index] = nextRoot
      nextRoot += size[index]!
    } else {
      place[index] = nextBeneath[above]!
      nextBeneath[above] = place[index]! + size[index]!
    }
    nextBeneath[index] = place[index]! + 1
  }
  return { place, size }
}
