import { asAforoError, type ErrorCode } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Log } from '../../core/log.ts'

/** What lasts is said again after so long. */
export const SAID_AGAIN_MS = 60_000

const OF_THE_KEY: ReadonlySet<ErrorCode> = new Set(['unauthenticated', 'permission_denied'])

/**
 * Says once that messages to the centre fail, again each minute while that lasts, and once when it is over. A message that the
 * centre refused is another one each time: it is said of each.
 */
export class OutageLog {
  readonly #log: Log
  readonly #tenantId: TenantId
  #code: ErrorCode | null = null
  #began = 0
  #saidAt = 0

  constructor(log: Log, tenantId: TenantId) {
    this.#log = log
    this.#tenantId = tenantId
  }

  /** @param untold holds and ends that the centre has not heard of */
  failed(error: unknown, untold: number, now: number): void {
    const { code, retryable } = asAforoError(error)
    if (this.#code === null) this.#began = now
    const isSaid = this.#code === code && now - this.#saidAt < SAID_AGAIN_MS
    this.#code = code
    if (isSaid && (retryable || OF_THE_KEY.has(code))) return
    this.#saidAt = now
    const fields = { err: error, tenantId: this.#tenantId, untold, awayMs: Math.round(now - this.#began) }
    if (retryable) {
      this.#log.warn(
        fields,
        'the centre is away; holds and ends that it has not heard of are kept and told again',
      )
    } else if (OF_THE_KEY.has(code)) {
      this.#log.error(fields, 'the centre does not let our key in: start this sidecar again with another one')
    } else {
      this.#log.error(fields, 'the centre refused a message; what it was about is let go of')
    }
  }

  answered(untold: number, now: number): void {
    if (this.#code === null) return
    this.#code = null
    const awayMs = Math.round(now - this.#began)
    this.#log.info({ tenantId: this.#tenantId, untold, awayMs }, 'the centre answers again')
  }
}
