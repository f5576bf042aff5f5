import { createHash } from 'node:crypto'
import { Registry } from 'prom-client'
import { NO_TOKENS, type Usage } from '../../core/usage.ts'
import { createReceiverMetrics, type ReceiverMetrics } from '../../receiver/metrics.ts'

/** 2026-11-23T12:00:00Z, the noon of all tests. */
export const NOON_MS = Date.UTC(2026, 10, 23, 12)

export const NOON_NANO = BigInt(NOON_MS) * 1_000_000n

/** Noon and some seconds. */
export function noon(seconds = 0): Date {
  return new Date(NOON_MS + seconds * 1000)
}

/** A trace id made of a name. */
export function traceIdOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32)
}

/** A span id made of a name. */
export function spanIdOf(name: string): string {
  return createHash('sha256').update(`span ${name}`).digest('hex').slice(0, 16)
}

/** A metered chat call at noon of trace and span `name`, a root unless said otherwise. */
export function callOf(trace: string, span: string, fields: Partial<Usage> = {}): Usage {
  return {
    traceId: traceIdOf(trace),
    spanId: spanIdOf(span),
    parentSpanId: '',
    name: 'chat claude-sonnet-4-5',
    kind: 'client',
    failed: false,
    errorType: null,
    startNano: NOON_NANO,
    endNano: NOON_NANO + 500_000_000n,
    scopeName: 'test',
    scopeVersion: '1',
    serviceName: 'agent',
    serviceInstance: null,
    usageClass: 'call',
    agentBoundary: false,
    dialect: 'otel',
    provider: 'anthropic',
    requestModel: 'claude-sonnet-4-5',
    responseModel: 'claude-sonnet-4-5',
    responseId: null,
    requestId: null,
    metered: true,
    buckets: { ...NO_TOKENS, inputUncached: 100, outputText: 20 },
    totalTokens: null,
    inputConvention: 'certain',
    estimated: false,
    reasoningParts: null,
    plan: false,
    quantities: {},
    serviceTier: null,
    region: null,
    reportedCost: null,
    reportedCostKey: null,
    toolName: null,
    toolCallId: null,
    toolType: null,
    customer: 'acme',
    customerFallback: null,
    product: null,
    session: null,
    sessionFallback: null,
    agent: null,
    holdId: null,
    anomalies: [],
    ...fields,
  }
}

/** A span that says nothing of usage. */
export function otherOf(trace: string, span: string, fields: Partial<Usage> = {}): Usage {
  return callOf(trace, span, {
    name: 'GET /',
    kind: 'server',
    usageClass: 'other',
    dialect: '',
    provider: null,
    requestModel: null,
    responseModel: null,
    metered: false,
    buckets: NO_TOKENS,
    customer: null,
    ...fields,
  })
}

/** Metrics in a registry of their own. */
export function metricsOf(registry = new Registry()): ReceiverMetrics {
  return createReceiverMetrics(registry)
}
