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
  const kept: Kept = { indexes: [], executions: new Map(), scope: null, isOneScope: true }
  for (let index = 0; index < tree.spans.length; index++) {
    if ((tree.traits[index]! & TRAIT.tool) === 0) continue
    const usage = tree.spans[index]!
    const told = usage.toolCallId === null ? undefined : byCallId.get(usage.toolCallId)
    const same =
      ownerByCallId(tree, told, usage) ??
      ownerAbove(tree, owner, kept, toolAbove[index]!, usage) ??
      ownerBeside(tree, kept, usage)
    if (same === undefined) keep(kept, index, usage)
    owner[index] = same ?? index
    tell(kept, same ?? index, usage)
    if (usage.toolCallId !== null && told === undefined) byCallId.set(usage.toolCallId, owner[index]!)
  }
  const best = bestOf(tree, owner)
  return kept.indexes.map((of) =>
    toToolCall(tree.spans[best[of]!]!, tree.spans[of]!, kept.executions.get(of)!),
  )
}

/** What the spans of an execution have told of it. */
interface Execution {
  readonly scopes: string[]
  toolName: string | null
  toolCallId: string | null
}

/** Executions found so far, in order. */
interface Kept {
  readonly indexes: number[]
  readonly executions: Map<number, Execution>
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

function tell({ executions }: Kept, index: number, { scopeName, toolName, toolCallId }: Usage): void {
  const known = executions.get(index)
  if (known === undefined) {
    executions.set(index, { scopes: [scopeName], toolName, toolCallId })
    return
  }
  if (!known.scopes.includes(scopeName)) known.scopes.push(scopeName)
  known.toolName ??= toolName
  known.toolCallId ??= toolCallId
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

function toToolCall(usage: Usage, first: Usage, { toolName }: Execution): ToolCall {
  return {
    spanId: usage.spanId,
    name: usage.toolName ?? toolName ?? usage.name,
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

function ownerAbove(
  tree: Tree,
  owner: Int32Array,
  { executions }: Kept,
  above: number,
  usage: Usage,
): number | undefined {
  if (above === -1) return undefined
  const outer = tree.spans[above]!
  // Above may not have been told of yet; then it speaks for itself.
  const known = executions.get(owner[above]!) ?? outer
  if (!namesAgree(known, usage) || bothNamedApart(known, usage)) return undefined
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
  const { indexes, executions } = kept
  let nearest: number | undefined
  for (let at = Math.max(0, indexes.length - TOOL_NEIGHBOURS_MAX); at < indexes.length; at++) {
    const index = indexes[at]!
    const known = executions.get(index)!
    if (known.scopes.includes(usage.scopeName)) continue
    const other = tree.spans[index]!
    if (!isOneProcess(other, usage) || bothNamedApart(known, usage)) continue
    if (!namesAgree(known, usage) || !isSameTime(other, usage)) continue
    if (nearest === undefined || apart(other, usage) < apart(tree.spans[nearest]!, usage)) nearest = index
  }
  return nearest
}

/**
 * Callbacks tell the ends of one execution one after the other, so that two of one name need only overlap. Where one does
 * not tell the name, they must begin and end together as well.
 */
function isSameTime(a: Usage, b: Usage): boolean {
  return a.toolName !== null && b.toolName !== null ? overlap(a, b) : isSeenTogetherOrLate(a, b)
}

type Names = Pick<Usage, 'toolName' | 'toolCallId'>

function namesAgree(a: Names, b: Names): boolean {
  return a.toolName === null || b.toolName === null || a.toolName === b.toolName
}

function bothNamedApart(a: Names, b: Names): boolean {
  return a.toolCallId !== null && b.toolCallId !== null && a.toolCallId !== b.toolCallId
}
