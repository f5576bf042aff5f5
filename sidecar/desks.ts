import { AforoError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import { Desk, type DeskParts } from './desk.ts'
import type { LeaseSums } from './hold-book.ts'

/** Tenants that are checked for at once. */
export const DESKS_MAX = 10_000
/** A desk that nobody asked is closed after this. */
export const DESK_IDLE_MS = 60_000
const TICK_MS = 100

/** A desk for every tenant that somebody asks for. */
export class Desks {
  readonly #parts: DeskParts
  readonly #desks = new Map<TenantId, Desk>()
  readonly #timer: NodeJS.Timeout
  #opened = 0

  constructor(parts: DeskParts) {
    this.#parts = parts
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** @throws AforoError `unavailable` where there are too many */
  of(tenantId: TenantId): Desk {
    let desk = this.#desks.get(tenantId)
    if (!desk) {
      if (this.#desks.size >= DESKS_MAX)
        throw new AforoError('unavailable', 'too many tenants are checked for at once')
      desk = new Desk(tenantId, { ...this.#parts, sidecarId: this.#nextName() })
      this.#desks.set(tenantId, desk)
    }
    return desk
  }

  /** What is remembered, over all tenants. */
  sizes(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = { desks: this.#desks.size }
    for (const desk of this.#desks.values()) {
      for (const [what, size] of Object.entries(desk.sizes)) sums[what] = (sums[what] ?? 0) + size
    }
    return sums
  }

  /** Leases of all tenants that have not run out, by unit. */
  leases(now: number): ReadonlyMap<string, LeaseSums> {
    const sums = new Map<string, LeaseSums>()
    for (const desk of this.#desks.values()) desk.addLeases(sums, now)
    return sums
  }

  /** Every hold is told and every lease given back. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all([...this.#desks.values()].map((desk) => desk.stop()))
  }

  /**
   * To the centre each desk is a sidecar of its own. One that is opened again for a tenant counts its holds and messages from
   * 1: under the name it had, the centre would take new holds for those it knows, and hold nothing for them.
   */
  #nextName(): string {
    const { sidecarId } = this.#parts
    const before = this.#opened++
    return before === 0 ? sidecarId : sidecarId + before.toString(36)
  }

  #tick(): void {
    const now = this.#parts.clock()
    for (const [tenantId, desk] of this.#desks) {
      desk.tick()
      const { idleSince } = desk
      if (idleSince === null || now - idleSince < DESK_IDLE_MS) continue
      this.#desks.delete(tenantId)
      void desk.stop()
    }
  }
}
