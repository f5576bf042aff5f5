import { type Anomaly, NO_TOKENS, type TokenBuckets } from '../../core/usage.ts'
import { compiledOf } from '../dialects/recognise.ts'
import { allTokens, equalTotals, isNowhereNegative, minus, plus } from './arithmetic.ts'
import { coverAll } from './layers.ts'
import { billLifetimes, type Lifetime } from './lifetimes.ts'
import { append, type Observed, observed } from './observation.ts'
import { remoteOuters } from './remote.ts'
import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'

const METERED_WRAPPER = TRAIT.wrapper | TRAIT.metered

/** What lies beneath a span. Handed up from child to parent, so that one object lives on each path. */
interface Beneath {
  metered: number
  /** What the metered calls used. Added up no sooner than a wrapper asks for it: most never do. */
  used: TokenBuckets[]
  /** Calls without usage. */
  missing: Observed[]
  /** Wrappers that stand for the calls of an agent nobody else saw. */
  agents: Observed[]
}

/**
 * Wrappers repeat the usage of what they go round, so their usage is never added where a metered call lies beneath.
 * It counts in two cases only: an agent that is told of by nothing else is billed once, by its own total; and where the
 * dialect's wrapper is the sum of its calls, what the metered ones leave belongs to those without usage.
 */
export function settleWrappers(
  tree: Tree,
  calls: readonly Observed[],
  anomalies: Anomaly[],
): readonly Observed[] {
  const placed = placedCalls(tree, calls)
  const remote = remoteOuters(tree)
  const beneath: (Beneath | undefined)[] = new Array<Beneath | undefined>(tree.spans.length)
  const dropped = new Set<Observed>()
  const lifetimes: Lifetime[] = []
  const billed: Observed[] = []
  const settling = { tree, dropped, lifetimes, anomalies }
  for (let at = tree.order.length - 1; at >= 0; at--) {
    const index = tree.order[at]!
    let here = beneath[index]
    if ((tree.traits[index]! & METERED_WRAPPER) === METERED_WRAPPER) {
      here ??= nothing()
      settle(settling, index, here)
    }
    const above = tree.parent[index]!
    for (let known = placed.first[index]!; known !== -1; known = placed.next[known]!) {
      const call = placed.calls[known]!
      if (remote[index] === 1 && call.winner === index && here !== undefined) {
        dropRemoteSum(tree, call, here, dropped, anomalies)
      }
      // With nothing beneath it a call goes straight to what is above: most calls lie on the ground.
      if (here !== undefined) addCall(here, call, index, dropped)
      else if (above !== -1) {
        beneath[above] ??= nothing()
        addCall(beneath[above], call, index, dropped)
      }
    }
    if (here === undefined) continue
    if (above === -1) append(billed, here.agents)
    else beneath[above] = joined(beneath[above], here)
    beneath[index] = undefined
  }
  return [
    ...(dropped.size === 0 ? calls : calls.filter((call) => !dropped.has(call))),
    ...billed,
    ...billLifetimes(tree, lifetimes, anomalies),
  ]
}

function nothing(): Beneath {
  return { metered: 0, used: [], missing: [], agents: [] }
}

/** Calls by the span under which they are known: the first of each span, and after each the next of the same span. */
interface Placed {
  readonly calls: readonly Observed[]
  readonly first: Int32Array
  readonly next: readonly number[]
}

function placedCalls(tree: Tree, calls: readonly Observed[]): Placed {
  const placed: Observed[] = []
  const first = new Int32Array(tree.spans.length).fill(-1)
  const next: number[] = []
  // From behind, so that the first call of a span comes first.
  for (let at = calls.length - 1; at >= 0; at--) {
    const call = calls[at]!
    for (const index of call.places) {
      next.push(first[index]!)
      first[index] = placed.length
      placed.push(call)
    }
  }
  return { calls: placed, first, next }
}

/** A mirrored call counts at each of its places: a sum that holds it twice only forbids a remainder. */
function addCall(beneath: Beneath, call: Observed, index: number, dropped: ReadonlySet<Observed>): void {
  if (dropped.has(call)) return
  if (call.metered) {
    beneath.metered++
    beneath.used.push(call.buckets)
  } else if (call.winner === index) {
    beneath.missing.push(call)
  }
}

function joined(a: Beneath | undefined, b: Beneath): Beneath {
  if (a === undefined) return b
  a.metered += b.metered
  a.used = longer(a.used, b.used)
  a.missing = longer(a.missing, b.missing)
  a.agents = longer(a.agents, b.agents)
  return a
}

/** The sum stands for its parts afterwards, so that nothing is added up twice in a deep tree. */
function sumOf(beneath: Beneath): TokenBuckets {
  const sum = beneath.used.reduce(plus, NO_TOKENS)
  beneath.used = [sum]
  return sum
}

function longer<T>(a: T[], b: T[]): T[] {
  return a.length >= b.length ? append(a, b) : append(b, a)
}

interface Settling {
  readonly tree: Tree
  readonly dropped: Set<Observed>
  readonly lifetimes: Lifetime[]
  readonly anomalies: Anomaly[]
}

function settle(settling: Settling, index: number, here: Beneath): void {
  const { tree, lifetimes, anomalies } = settling
  const usage = tree.spans[index]!
  const convention = compiledOf(usage.dialect)?.wrapperUsage(usage.name)
  if (convention === 'lifetime') {
    if (usage.agentBoundary) lifetimes.push({ index, told: here.metered > 0 })
  } else if (convention === 'sum' && here.missing.length > 0) {
    reconstruct(settling, index, here)
  } else if (here.metered === 0 && usage.agentBoundary) {
    standForAgent(settling, index, here)
  } else if (here.metered === 0 && here.missing.length === 0 && here.agents.length === 0) {
    anomalies.push({ kind: 'unclassified_usage', spanId: usage.spanId, reason: 'wrapper_without_calls' })
  }
}

function reconstruct({ tree, dropped, anomalies }: Settling, index: number, here: Beneath): void {
  const { spanId, buckets: whole } = tree.spans[index]!
  const agents = here.agents.reduce((all, agent) => plus(all, agent.buckets), NO_TOKENS)
  const rest = minus(whole, plus(sumOf(here), agents))
  if (!isNowhereNegative(rest) || allTokens(rest) === 0) return
  const covered = coverAll(here.missing, rest)
  for (const call of here.missing) if (call !== covered) dropped.add(call)
  here.missing = []
  here.metered++
  here.used.push(rest)
  anomalies.push({ kind: 'usage_ambiguous', spanId, reason: 'reconstructed' })
}

/** The outermost total stands for the agents within it, unless they add up to it or to more than it. */
function standForAgent({ tree, dropped, anomalies }: Settling, index: number, here: Beneath): void {
  const usage = tree.spans[index]!
  const whole = usage.buckets
  const inner = here.agents.reduce((all, agent) => plus(all, agent.buckets), NO_TOKENS)
  if (here.agents.length > 1 && equalTotals(inner, whole)) return
  if (allTokens(inner) > allTokens(whole)) {
    anomalies.push({ kind: 'usage_ambiguous', spanId: usage.spanId, reason: 'wrapper_disagree' })
    return
  }
  const agent = observed(index, usage)
  agent.granularity = 'wrapper'
  for (const part of [...here.agents, ...here.missing]) append(agent.observers, part.observers)
  for (const call of here.missing) dropped.add(call)
  here.missing = []
  here.agents = [agent]
}

/** A call that went to a remote agent: where it tells the sum of that agent's calls it is a wrapper of them. */
function dropRemoteSum(
  tree: Tree,
  call: Observed,
  here: Beneath,
  dropped: Set<Observed>,
  anomalies: Anomaly[],
): void {
  if (!call.metered || here.metered === 0) return
  if (equalTotals(call.buckets, sumOf(here))) dropped.add(call)
  else {
    const { spanId } = tree.spans[call.winner]!
    anomalies.push({ kind: 'usage_ambiguous', spanId, reason: 'ambiguous_remote_agent' })
  }
}
