import type { Usage, UsageClass } from '../../core/usage.ts'
import { compiledOf } from '../dialects/recognise.ts'
import { isRunId } from './identity.ts'
import { isOpen } from './versions.ts'

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
  /** Names a run of several requests for its response. */
  run: 2_097_152,
  /** Of a dialect that may add up what the calls of a loop used. */
  cumulative: 4_194_304,
} as const

const CLASS_TRAITS: Readonly<Record<UsageClass, number>> = {
  call: TRAIT.call | TRAIT.request,
  embed: TRAIT.request,
  tool: TRAIT.tool,
  wrapper: TRAIT.wrapper,
  fetch: TRAIT.fetch,
  other: 0,
}

/** Of what may count as a call of a model. */
export const MODEL_TRAITS = TRAIT.request | TRAIT.fetch | TRAIT.wrapper

/** All but `badTime`, which depends on more than the span. */
export function traitsOf(usage: Usage): number {
  const ofClass = CLASS_TRAITS[usage.usageClass]
  return (
    ofClass |
    ((ofClass & MODEL_TRAITS) !== 0 ? modelTraitsOf(usage) : 0) |
    (usage.metered ? TRAIT.metered : 0) |
    (usage.agentBoundary ? TRAIT.agent : 0) |
    (usage.kind === 'server' ? TRAIT.server : 0) |
    (usage.anomalies.length > 0 ? TRAIT.odd : 0) |
    (usage.plan ? TRAIT.plan : 0) |
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

function modelTraitsOf(usage: Usage): number {
  return (
    (isOpen(usage) ? TRAIT.open : 0) |
    (isRunId(usage.responseId) ? TRAIT.run : 0) |
    (compiledOf(usage.dialect)?.dialect.cumulative === undefined ? 0 : TRAIT.cumulative)
  )
}
