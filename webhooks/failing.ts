import type { Log } from '../core/log.ts'

/** Endpoints remembered that take nothing; at more all are forgotten, and told of again. */
export const FAILING_MAX = 10_000

interface Heard {
  readonly tenantId: string
  readonly webhookId: string
  readonly messageId: string
}

/** Tells once that an endpoint takes nothing, and once that it does again: a message alone is given up after two days. */
export class FailingEndpoints {
  readonly #failing = new Set<string>()
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  /** What came of an attempt; `error` null: it was taken. */
  heard(
    { tenantId, webhookId, messageId }: Heard,
    outcome: { readonly status: number | null; readonly error: string | null },
  ): void {
    const name = JSON.stringify([tenantId, webhookId])
    if (outcome.error === null) {
      if (this.#failing.delete(name))
        this.#log.info({ tenantId, webhookId }, 'an endpoint takes messages again')
      return
    }
    if (this.#failing.has(name)) return
    if (this.#failing.size >= FAILING_MAX) this.#failing.clear()
    this.#failing.add(name)
    const { status, error } = outcome
    this.#log.warn(
      { tenantId, webhookId, messageId, status, error },
      'an endpoint does not take messages; they are tried again, and listed under its deliveries',
    )
  }
}
