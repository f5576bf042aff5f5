import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace'

/** Spans that end together are sent together. */
const GATHER_MS = 10

/**
 * Sends spans that say what a model call used as soon as they end, so that budgets know of them at once; all others
 * wait for their batch.
 */
export class PromptFlush implements SpanProcessor {
  readonly #flush: () => Promise<void>
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined

  constructor(flush: () => Promise<void>) {
    this.#flush = flush
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#timer !== undefined || !tellsUsage(span)) return
    this.#timer = setTimeout(() => void this.#run(), GATHER_MS).unref()
  }

  /** One at a time: what ends meanwhile goes with the next. A failure is the exporter's to retry and to tell. */
  async #run(): Promise<void> {
    await this.#flushing
    this.#timer = undefined
    this.#flushing = this.#flush().catch(() => {})
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {
    clearTimeout(this.#timer)
  }
}

const USAGE = /^(gen_ai|llm|ai)\./

function tellsUsage({ attributes }: ReadableSpan): boolean {
  for (const key in attributes) if (USAGE.test(key)) return true
  return false
}
