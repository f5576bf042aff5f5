import { AforoError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import { Checker, type CheckerParts } from './checker.ts'
import type { LeaseSums } from './leases/hold-book.ts'

/** Tenants that are checked for at once. */
export const TENANTS_MAX = 10_000
/** A checker that nobody asked is closed after this. */
export const TENANT_IDLE_MS = 60_000
const TICK_MS = 100

/** A checker for every tenant that somebody asks for. */
export class Checkers {
  readonly #parts: CheckerParts
  readonly #checkers = new Map<TenantId, Checker>()
  readonly #timer: NodeJS.Timeout
  #opened = 0

  constructor(parts: CheckerParts) {
    this.#parts = parts
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** @throws AforoError `unavailable` where there are too many */
  of(tenantId: TenantId): Checker {
    let checker = this.#checkers.get(tenantId)
    if (!checker) {
      if (this.#checkers.size >= TENANTS_MAX)
        throw new AforoError('unavailable', 'too many tenants are checked for at once')
      checker = new Checker(tenantId, { ...this.#parts, sidecarId: this.#nextName() })
      this.#checkers.set(tenantId, checker)
    }
    return checker
  }

  /** What is remembered, over all tenants. */
  sizes(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = { tenants: this.#checkers.size }
    for (const checker of this.#checkers.values()) {
      for (const [what, size] of Object.entries(checker.sizes)) sums[what] = (sums[what] ?? 0) + size
    }
    return sums
  }

  /** Leases of all tenants that have not run out, by unit. */
  leases(now: number): ReadonlyMap<string, LeaseSums> {
    const sums = new Map<string, LeaseSums>()
    for (const checker of this.#checkers.values()) checker.addLeases(sums, now)
    return sums
  }

  /** Every hold is told and every lease given back. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all([...this.#checkers.values()].map((checker) => checker.stop()))
  }

  /**
   * To the centre each checker is a sidecar of its own. One that is opened again for a tenant counts its holds and messages from
   * 1: under the name it had, the centre would take new holds for those it knows, and hold nothing for them.
   */
  #nextName(): string {
    const { sidecarId } = this.#parts
    const before = this.#opened++
    return before === 0 ? sidecarId : sidecarId + before.toString(36)
  }

  #tick(): void {
    const now = this.#parts.clock()
    for (const [tenantId, checker] of this.#checkers) {
      checker.tick()
      const { idleSince } = checker
      if (idleSince === null || now - idleSince < TENANT_IDLE_MS) continue
      this.#checkers.delete(tenantId)
      void checker.stop()
    }
  }
}
