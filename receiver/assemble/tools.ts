import type { ToolCall } from '../../core/assembly.ts'
import type { Usage } from '../../core/usage.ts'
import { apart, isOneProcess, isSeenTogetherOrLate, overlap } from './identity.ts'
import { SplitMap } from './split-map.ts'
import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'

/** How many earlier executions one without an id is compared with. */
const TOOL_NEIGHBOURS_MAX = 64

/**
 * Executions of tools, each once: the framework, the protocol's client and its server may all tell of one, and a resumed
 * run tells of it again. Known by call id, by one being within the other, or by two scopes telling it in one process.
 */
export function collectTools(tree: Tree): readonly ToolCall[] {
  const toolAbove = nearestTools(tree)
  const owner = new Int32Array(tree.spans.length).fill(-1)
  const byCallId = new SplitMap<number>(tree.spans.length)
  const kept: Kept = { indexes: [], toldBy: new Map(), scope: null, isOneScope: true }
  for (let index = 0; index < tree.spans.length; index++) {
    if ((tree.traits[index]! & TRAIT.tool) === 0) continue
    const usage = tree.spans[index]!
    const told = usage.toolCallId === null ? undefined : byCallId.get(usage.toolCallId)
    const same =
      ownerByCallId(tree, told, usage) ??
      ownerAbove(tree, owner, toolAbove[index]!, usage) ??
      ownerBeside(tree, kept, usage)
    if (same === undefined) keep(kept, index, usage)
    owner[index] = same ?? index
    tell(kept, same ?? index, usage.scopeName)
    if (usage.toolCallId !== null && told === undefined) byCallId.set(usage.toolCallId, owner[index]!)
  }
  const best = bestOf(tree, owner)
  return kept.indexes.map((of) => toToolCall(tree.spans[best[of]!]!, tree.spans[of]!))
}

/** Executions found so far, in order. */
interface Kept {
  readonly indexes: number[]
  /** The scopes that told of each. */
  readonly toldBy: Map<number, readonly string[]>
  /** Of the first. */
  scope: string | null
  /** Then nothing beside another of that scope can be it, and none of them is looked at. */
  isOneScope: boolean
}

function keep(kept: Kept, index: number, { scopeName }: Usage): void {
  kept.indexes.push(index)
  kept.scope ??= scopeName
  kept.isOneScope &&= kept.scope === scopeName
}

function tell({ toldBy }: Kept, index: number, scopeName: string): void {
  const known = toldBy.get(index)
  if (known === undefined) toldBy.set(index, [scopeName])
  else if (!known.includes(scopeName)) toldBy.set(index, [...known, scopeName])
}

/** For each execution the span that says most of it. */
function bestOf(tree: Tree, owner: Int32Array): Int32Array {
  const best = new Int32Array(owner.length).fill(-1)
  owner.forEach((of, index) => {
    if (of === -1) return
    const known = best[of]!
    if (known === -1 || rank(tree.spans[index]!) < rank(tree.spans[known]!)) best[of] = index
  })
  return best
}

function toToolCall(usage: Usage, first: Usage): ToolCall {
  return {
    spanId: usage.spanId,
    name: usage.toolName ?? usage.name,
    callId: usage.toolCallId ?? first.toolCallId,
    type: usage.toolType ?? first.toolType,
    startNano: usage.startNano,
    endNano: usage.endNano,
  }
}

/** The framework's own span says most, then the protocol's client, then its server. */
function rank(usage: Usage): number {
  return usage.kind === 'server' || usage.kind === 'consumer' ? 2 : usage.kind === 'client' ? 1 : 0
}

/** The nearest tool above each span, with neither a call nor an agent between. */
function nearestTools(tree: Tree): Int32Array {
  const nearest = new Int32Array(tree.spans.length).fill(-1)
  const visible = new Int32Array(tree.spans.length).fill(-1)
  for (let at = 0; at < tree.order.length; at++) {
    const index = tree.order[at]!
    const traits = tree.traits[index]!
    const above = tree.parent[index]!
    visible[index] = above === -1 ? -1 : visible[above]!
    nearest[index] = visible[index]!
    if ((traits & TRAIT.tool) !== 0) visible[index] = index
    else if ((traits & (TRAIT.agent | TRAIT.call)) !== 0) visible[index] = -1
  }
  return nearest
}

/** @param told the execution that the call's id was first told of */
function ownerByCallId(tree: Tree, told: number | undefined, usage: Usage): number | undefined {
  return told !== undefined && namesAgree(tree.spans[told]!, usage) ? told : undefined
}

function ownerAbove(tree: Tree, owner: Int32Array, above: number, usage: Usage): number | undefined {
  if (above === -1) return undefined
  const outer = tree.spans[above]!
  if (!namesAgree(outer, usage) || bothNamedApart(outer, usage)) return undefined
  // The same tool within itself is a second execution, unless another side of the protocol tells it.
  return rank(outer) !== rank(usage) || outer.scopeName !== usage.scopeName
    ? ownerOf(owner, above)
    : undefined
}

/** Above may begin after what is beneath it, and has no owner then. */
function ownerOf(owner: Int32Array, index: number): number {
  return owner[index] === -1 ? index : owner[index]!
}

/** Of the executions at one time that its scope has not told of yet the one that begins and ends the nearest. */
function ownerBeside(tree: Tree, kept: Kept, usage: Usage): number | undefined {
  if (kept.isOneScope && kept.scope === usage.scopeName) return undefined
  const { indexes, toldBy } = kept
  let nearest: number | undefined
  for (let at = Math.max(0, indexes.length - TOOL_NEIGHBOURS_MAX); at < indexes.length; at++) {
    const index = indexes[at]!
    if (toldBy.get(index)!.includes(usage.scopeName)) continue
    const other = tree.spans[index]!
    if (!isOneProcess(other, usage) || bothNamedApart(other, usage) || !isSameTime(other, usage)) continue
    if (nearest === undefined || apart(other, usage) < apart(tree.spans[nearest]!, usage)) nearest = index
  }
  return nearest
}

/**
 * Callbacks tell the ends of one execution one after the other, so that two of one name need only overlap. Where one does
 * not tell the name, they must begin and end together as well.
 */
function isSameTime(a: Usage, b: Usage): boolean {
  if (!namesAgree(a, b)) return false
  return a.toolName !== null && b.toolName !== null ? overlap(a, b) : isSeenTogetherOrLate(a, b)
}

function namesAgree(a: Usage, b: Usage): boolean {
  return a.toolName === null || b.toolName === null || a.toolName === b.toolName
}

function bothNamedApart(a: Usage, b: Usage): boolean {
  return a.toolCallId !== null && b.toolCallId !== null && a.toolCallId !== b.toolCallId
}
