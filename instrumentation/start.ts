import { context, propagation, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  envDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources'
import { NodeSDK, type NodeSDKConfiguration } from '@opentelemetry/sdk-node'
import { BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace'
import { type Attribution, toAttributes } from './attribution.ts'
import { AttributionProcessor } from './attribution-processor.ts'
import { setCurrentGuard } from './current.ts'
import { createGuard, type GuardOptions } from './guard.ts'
import { PromptFlush } from './prompt-flush.ts'

/** Attribution given here holds for the whole process (it goes into the resource, and guards ask for it); `metered` refines it. */
export interface StartOptions extends Omit<Attribution, 'hold'> {
  readonly serviceName: string
  /** Base address of Aforo's OTLP/HTTP receiver or of a Collector: `http://127.0.0.1:4318`. Unset: `OTEL_EXPORTER_OTLP_*`. */
  readonly endpoint?: string
  /** A key of role `ingest`, sent as bearer token. */
  readonly apiKey?: string
  /** Libraries to instrument, passed on to the SDK. */
  readonly instrumentations?: NodeSDKConfiguration['instrumentations']
  /** Longest time an ended span waits before it is sent. Default 1,000. */
  readonly delayMs?: number
  /** Ended spans that may wait; beyond it the SDK drops them, and a dropped span is not billed. Default 16,384. */
  readonly queueSpans?: number
  /** Where `guard` and guarded `metered` work ask; without it there is no guard. */
  readonly check?: GuardOptions
  /** Takes the place of the OTLP exporter. */
  readonly exporter?: SpanExporter
}

export interface Instrumentation {
  /** Sends what has ended so far. Rejects where the receiver did not take it. */
  flush(): Promise<void>
  /** Sends what is left and stops tracing. Call it before the process exits: what is not sent is not billed. */
  shutdown(): Promise<void>
}

let running = false

/**
 * Starts tracing for this process: every span of every instrumentation goes to Aforo, with the attribution of the
 * `metered` work it belongs to. Only traces are set up; metrics and logs stay the program's own affair.
 *
 * A program that has its own tracer provider adds `AttributionProcessor` and an OTLP exporter there instead.
 *
 * @throws Error where it has been started already: of two providers only the first would get spans.
 */
export function start(options: StartOptions): Instrumentation {
  if (running) throw new Error('Aforo instrumentation is started already; shut it down first')
  const batches = new BatchSpanProcessor({
    exporter: options.exporter ?? new OTLPTraceExporter(exporterSettings(options)),
    scheduledDelayMillis: options.delayMs ?? 1_000,
    maxQueueSize: options.queueSpans ?? 16_384,
  })
  const sdk = new NodeSDK({
    serviceName: options.serviceName,
    resource: defaultResource().merge(resourceFromAttributes(toAttributes(options))),
    // Not the SDK's own list: that sends the command line and the user of the process along.
    resourceDetectors: [envDetector, serviceInstanceIdDetector],
    instrumentations: options.instrumentations ?? [],
    spanProcessors: [new AttributionProcessor(), batches, new PromptFlush(() => batches.forceFlush())],
    metricReaders: [],
    logRecordProcessors: [],
  })
  sdk.start()
  running = true
  const { customer, product = options.serviceName, session } = options
  const guard =
    options.check && createGuard({ attribution: { customer, product, session }, ...options.check })
  setCurrentGuard(guard)
  return {
    flush: () => batches.forceFlush(),
    async shutdown() {
      if (!running) return
      running = false
      setCurrentGuard(undefined)
      try {
        await guard?.close()
        await sdk.shutdown()
      } finally {
        trace.disable()
        context.disable()
        propagation.disable()
      }
    },
  }
}

function exporterSettings({ endpoint, apiKey }: StartOptions) {
  return {
    ...(endpoint ? { url: `${endpoint.replace(/\/+$/, '')}/v1/traces` } : {}),
    ...(apiKey ? { headers: { authorization: `Bearer ${apiKey}` } } : {}),
  }
}
