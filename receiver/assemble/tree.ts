import type { SpanId } from '../../core/ids.ts'
import type { Anomaly, Usage } from '../../core/usage.ts'
import type { Bounds } from './bounds.ts'
import type { Rows } from './rows.ts'

/**
 * The spans of a trace as a forest, in the order of start and id. Missing parents and several roots are normal. Indexes are
 * into `spans`.
 */
export interface Tree {
  readonly spans: readonly Usage[]
  readonly ids: readonly SpanId[]
  /** First start and last end of the spans whose times are believed; of all, where none is. */
  readonly bounds: Bounds
  /** Whether all that may count as a call of a model was told by one scope. */
  readonly isOneScope: boolean
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

/** Whether one of the two spans is above the other. */
export function isOnePath(tree: Tree, a: number, b: number): boolean {
  const [upper, lower] = tree.place[a]! <= tree.place[b]! ? [a, b] : [b, a]
  return tree.place[lower]! < tree.place[upper]! + tree.size[upper]!
}

/**
 * Builds the forest in linear time without recursion, as traces may be ten thousand spans deep. Spans that are each other's
 * ancestors are cut apart at the first of them.
 */
export function toTree(rows: Rows, anomalies: Anomaly[]): Tree {
  const placed = rows.order
  const spans = placed.map((place) => rows.usages[place]!)
  const ids = placed.map((place) => rows.ids[place]!)
  const traits = new Uint32Array(placed.length)
  const parent = parentsOf(rows)
  for (let index = 0; index < placed.length; index++) traits[index] = rows.traits[placed[index]!]!
  for (const index of cutCycles(parent)) {
    anomalies.push({ kind: 'conflict', spanId: ids[index]!, reason: 'parent_cycle' })
  }
  const order = parentsFirst(parent)
  const depth = new Int32Array(placed.length)
  for (let at = 0; at < order.length; at++) {
    const above = parent[order[at]!]!
    depth[order[at]!] = above === -1 ? 0 : depth[above]! + 1
  }
  const { bounds, isOneScope } = rows
  return { spans, ids, bounds, isOneScope, traits, parent, order, depth, ...walk(parent, order) }
}

/** Each parent is looked for once, however many children it has one after the other. */
function parentsOf({ order, parentIds, parentAt, places }: Rows): Int32Array {
  const ranks = new Int32Array(order.length)
  for (let index = 0; index < order.length; index++) ranks[order[index]!] = index
  const found = parentIds.map((id) => {
    const place = id === '' ? undefined : places.get(id)
    return place === undefined ? -1 : ranks[place]!
  })
  const parent = new Int32Array(order.length)
  for (let index = 0; index < order.length; index++) parent[index] = found[parentAt[order[index]!]!]!
  return parent
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
