import type { ModelCall, ToolCall } from './assembly.ts'
import type { AssemblyDocument, CallDocument } from './assembly-document.ts'
import { AforoError } from './errors.ts'
import type { SpanId } from './ids.ts'
import { NO_TOKENS } from './usage.ts'

/*
 * The document of an assembly as its column holds it: without the fields that say what nearly every call says. That is
 * 40 % less to write and read, and keeps most rows below the size from which PostgreSQL compresses them. What a query
 * looks into (spanIds, tools, the models of calls) stays where it is.
 */

const OF_CALL = {
  kind: 'chat',
  granularity: 'call',
  provider: null,
  model: null,
  requestModel: null,
  responseId: null,
  metered: true,
  reasoningSteps: 0,
  serviceTier: null,
  region: null,
  reportedCost: null,
  estimated: false,
  cacheHit: false,
  badTime: false,
} as const satisfies Partial<ModelCall>

const OF_TOOL = { callId: null, type: null } as const satisfies Partial<ToolCall>

export const OF_ASSEMBLY = {
  reasoningSteps: 0,
  customer: null,
  product: null,
  session: null,
  agent: null,
} as const satisfies Partial<AssemblyDocument>

type Fields = Readonly<Record<string, unknown>>

export interface PackedDocument extends Partial<Omit<AssemblyDocument, 'calls' | 'tools'>> {
  readonly calls: readonly (Partial<CallDocument> & { readonly spanId: SpanId })[]
  readonly tools: readonly Partial<AssemblyDocument['tools'][number]>[]
}

/** The document without what `unpackAssembly` knows anyway. */
export function packAssembly(document: AssemblyDocument): unknown {
  return {
    ...without(document, OF_ASSEMBLY),
    anomalies: document.anomalies.length === 0 ? undefined : document.anomalies,
    calls: document.calls.map((call) => ({
      ...without(call, OF_CALL),
      spanIds: call.spanIds.length === 1 && call.spanIds[0] === call.spanId ? undefined : call.spanIds,
      buckets: without(call.buckets, NO_TOKENS),
      quantities: Object.keys(call.quantities).length === 0 ? undefined : call.quantities,
    })),
    tools: document.tools.map((tool) => without(tool, OF_TOOL)),
  }
}

/**
 * The whole document, of a packed one or of one that was never packed.
 * @throws AforoError `internal` where it is none of ours
 */
export function unpackAssembly(stored: unknown): AssemblyDocument {
  const packed = stored as PackedDocument
  try {
    return {
      ...OF_ASSEMBLY,
      anomalies: [],
      ...packed,
      calls: packed.calls.map((call) => ({
        ...OF_CALL,
        spanIds: [call.spanId],
        quantities: {},
        ...call,
        buckets: { ...NO_TOKENS, ...call.buckets },
      })),
      tools: packed.tools.map((tool) => ({ ...OF_TOOL, ...tool })),
    } as AssemblyDocument
  } catch (error) {
    throw new AforoError('internal', 'stored assembly cannot be read', { cause: error })
  }
}

function without(fields: object, usual: object): Fields {
  const known = usual as Fields
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (!(name in known) || known[name] !== value) kept[name] = value
  }
  return kept
}

/**
 * A call as the rating reads it. Every call comes through here: field by field, so that it is made once and all are of
 * one shape.
 * @throws SyntaxError or TypeError where it is none of ours
 */
export function unpackCall(call: PackedDocument['calls'][number]): ModelCall {
  const { kind = OF_CALL.kind, granularity = OF_CALL.granularity, metered = true, reasoningSteps = 0 } = call
  const { provider = null, model = null, requestModel = null, responseId = null } = call
  const { serviceTier = null, region = null, reportedCost = null } = call
  const { estimated = false, cacheHit = false, badTime = false, quantities = {} } = call
  const { spanId, spanIds = [spanId] } = call
  return {
    spanId,
    spanIds,
    kind,
    granularity,
    provider,
    model,
    requestModel,
    responseId,
    startNano: BigInt(call.startNano!),
    endNano: BigInt(call.endNano!),
    metered,
    buckets: { ...NO_TOKENS, ...call.buckets },
    reasoningSteps,
    quantities,
    serviceTier,
    region,
    reportedCost,
    estimated,
    cacheHit,
    badTime,
  }
}

/** @throws SyntaxError or TypeError where it is none of ours */
export function unpackTool(tool: PackedDocument['tools'][number]): ToolCall {
  const { spanId, name, callId = null, type = null } = tool
  return {
    spanId: spanId!,
    name: name!,
    callId,
    type,
    startNano: BigInt(tool.startNano!),
    endNano: BigInt(tool.endNano!),
  }
}
