import { asAforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { CounterStanding, HoldRecord } from '../../core/lease.ts'
import type { Log } from '../../core/log.ts'
import type { Centre } from '../centre/centre.ts'
import type { CheckMetrics } from '../metrics.ts'

/** Holds that the centre is asked for at once, of one tenant; whoever comes then is answered at once. */
export const HOLD_REQUESTS_MAX = 4_096
/** Whoever asked is answered after this, whatever becomes of it. */
export const HOLD_REQUEST_MS_MAX = 2_000

interface HoldRequestsParts {
  readonly centre: Centre
  readonly sidecarId: string
  readonly clock: () => number
  readonly log: Log
  readonly metrics: CheckMetrics
  /** How counters stand that were taken of. */
  readonly onStandings: (standings: readonly CounterStanding[], at: number) => void
  /** Of a hold that nobody waits for any more. */
  readonly release: (holdId: string) => void
}

/** `late`: nobody can say in time, and what may have been taken is released. */
type HoldRequestOutcome = 'taken' | 'refused' | 'late'

/** Has the centre take holds, without leases, and each answered within a time. */
export class HoldRequests {
  readonly #tenantId: TenantId
  readonly #parts: HoldRequestsParts
  #underWay = 0

  constructor(tenantId: TenantId, parts: HoldRequestsParts) {
    this.#tenantId = tenantId
    this.#parts = parts
  }

  async take(hold: HoldRecord): Promise<HoldRequestOutcome> {
    const outcome = this.#underWay >= HOLD_REQUESTS_MAX ? 'late' : await this.#take(hold)
    this.#parts.metrics.takes.inc({ outcome })
    return outcome
  }

  #take(hold: HoldRecord): Promise<HoldRequestOutcome> {
    this.#underWay += 1
    return new Promise((resolve) => {
      let isLate = false
      const late = setTimeout(() => {
        isLate = true
        resolve('late')
      }, HOLD_REQUEST_MS_MAX)
      this.#ask(hold)
        .then((outcome) => {
          if ((isLate && outcome === 'taken') || outcome === 'late') this.#parts.release(hold.holdId)
          resolve(outcome)
        })
        .finally(() => {
          clearTimeout(late)
          this.#underWay -= 1
        })
    })
  }

  async #ask(hold: HoldRecord): Promise<HoldRequestOutcome> {
    const { centre, sidecarId, clock, onStandings, log } = this.#parts
    const askedAt = clock()
    try {
      const { isTaken, standings } = await centre.take(this.#tenantId, { sidecarId, hold })
      onStandings(standings, askedAt)
      return isTaken ? 'taken' : 'refused'
    } catch (error) {
      // Whoever cannot take in the hold alone may take it in out of a lease.
      const { retryable } = asAforoError(error)
      log[retryable ? 'debug' : 'warn']({ err: error }, 'the centre did not take a hold')
      return retryable ? 'late' : 'refused'
    }
  }
}
