import type { ToolCall } from '../../core/assembly.ts'
import type { Usage } from '../../core/usage.ts'
import { isOneProcess, isWithin } from './identity.ts'
import { TRAIT, type Tree } from './tree.ts'

/** How many earlier executions one without an id is compared with. */
export const TOOL_NEIGHBOURS_MAX = 64

/**
 * Executions of tools, each once: the framework, the protocol's client and its server may all tell of one, and a resumed
 * run tells of it again. Known by call id, by one being within the other, or by two scopes telling it in one process.
 */
export function collectTools(tree: Tree): readonly ToolCall[] {
  const toolAbove = nearestTools(tree)
  const owner = new Map<number, number>()
  const byCallId = new Map<string, number>()
  const kept: number[] = []
  for (let index = 0; index < tree.spans.length; index++) {
    if ((tree.traits[index]! & TRAIT.tool) === 0) continue
    const usage = tree.spans[index]!
    const same =
      ownerByCallId(tree, byCallId, index) ??
      ownerAbove(tree, owner, toolAbove[index]!, index) ??
      ownerBeside(tree, kept, usage)
    if (same === undefined) kept.push(index)
    owner.set(index, same ?? index)
    if (usage.toolCallId !== null && !byCallId.has(usage.toolCallId))
      byCallId.set(usage.toolCallId, same ?? index)
  }
  const best = new Map<number, number>()
  for (const [index, of] of owner) {
    const known = best.get(of)
    if (known === undefined || rank(tree.spans[index]!) < rank(tree.spans[known]!)) best.set(of, index)
  }
  return kept.map((of) => toToolCall(tree.spans[best.get(of)!]!, tree.spans[of]!))
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
  for (const index of tree.order) {
    const traits = tree.traits[index]!
    const above = tree.parent[index]!
    visible[index] = above === -1 ? -1 : visible[above]!
    nearest[index] = visible[index]!
    if ((traits & TRAIT.tool) !== 0) visible[index] = index
    else if ((traits & (TRAIT.agent | TRAIT.call)) !== 0) visible[index] = -1
  }
  return nearest
}

function ownerByCallId(tree: Tree, byCallId: ReadonlyMap<string, number>, index: number): number | undefined {
  const usage = tree.spans[index]!
  if (usage.toolCallId === null) return undefined
  const known = byCallId.get(usage.toolCallId)
  return known !== undefined && namesAgree(tree.spans[known]!, usage) ? known : undefined
}

function ownerAbove(
  tree: Tree,
  owner: ReadonlyMap<number, number>,
  above: number,
  index: number,
): number | undefined {
  if (above === -1) return undefined
  const usage = tree.spans[index]!
  const outer = tree.spans[above]!
  if (!namesAgree(outer, usage) || bothNamedApart(outer, usage)) return undefined
  // The same tool within itself is a second execution, unless another side of the protocol tells it.
  return rank(outer) !== rank(usage) || outer.scopeName !== usage.scopeName
    ? (owner.get(above) ?? above)
    : undefined
}

function ownerBeside(tree: Tree, kept: readonly number[], usage: Usage): number | undefined {
  for (let at = Math.max(0, kept.length - TOOL_NEIGHBOURS_MAX); at < kept.length; at++) {
    const index = kept[at]!
    const other = tree.spans[index]!
    if (
      other.scopeName !== usage.scopeName &&
      isOneProcess(other, usage) &&
      namesAgree(other, usage) &&
      !bothNamedApart(other, usage) &&
      (isWithin(usage, other) || isWithin(other, usage))
    ) {
      return index
    }
  }
  return undefined
}

function namesAgree(a: Usage, b: Usage): boolean {
  return a.toolName === null || b.toolName === null || a.toolName === b.toolName
}

function bothNamedApart(a: Usage, b: Usage): boolean {
  return a.toolCallId !== null && b.toolCallId !== null && a.toolCallId !== b.toolCallId
}
