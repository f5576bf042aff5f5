import { asAforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Access, Credentials } from '../../schema/access.ts'
import type { KeyRole } from '../../schema/keys.ts'
import { BoundedMap } from '../bounded-map.ts'

/** Credentials remembered. */
const CREDENTIALS_MAX = 10_000
/** An answer is used so long without asking, and asked for again in the background after half of it. */
export const ADMISSION_MS_MAX = 2_000
/** Nobody waits longer than this to be asked for again: a centre that hangs is one that is away. */
export const ADMISSION_WAIT_MS = 250
/** While nobody can be asked about a key, what was said last counts so long. */
export const ADMISSION_AWAY_MS_MAX = 600_000

interface Admitted {
  readonly tenantId: TenantId
  readonly at: number
  /** It is being asked for again. */
  asking: Promise<TenantId> | null
  /** When nobody answered, or not in time, last: just after that it is used without waiting for who is asked again. */
  awayAt: number
}

/**
 * Who may ask, from memory. A key that was refused is not remembered; one that was let in is, and stays so while the
 * centre is away: a check must be answered then too.
 */
export class Admission {
  readonly #access: Access
  readonly #clock: () => number
  readonly #known = new BoundedMap<string, Admitted>(CREDENTIALS_MAX)

  constructor(access: Access, clock: () => number) {
    this.#access = access
    this.#clock = clock
  }

  /** The tenant, at once where it is known. Throws, or rejects, as `Access` does. */
  admit(credentials: Credentials, role: KeyRole): TenantId | Promise<TenantId> {
    return this.#admit(nameOf(credentials, role), credentials, role)
  }

  /** The same question, to be asked again and again. */
  as(credentials: Credentials, role: KeyRole): () => TenantId | Promise<TenantId> {
    const name = nameOf(credentials, role)
    return () => this.#admit(name, credentials, role)
  }

  #admit(name: string, credentials: Credentials, role: KeyRole): TenantId | Promise<TenantId> {
    const known = this.#known.get(name)
    if (!known) return this.#ask(name, credentials, role)
    const now = this.#clock()
    const age = now - known.at
    if (age < ADMISSION_MS_MAX / 2) return known.tenantId
    if (known.asking === null) {
      known.asking = this.#askAgain(name, credentials, role, known)
      known.asking.catch(() => {})
    }
    if (age < ADMISSION_MS_MAX) return known.tenantId
    if (age >= ADMISSION_AWAY_MS_MAX) return known.asking
    return now - known.awayAt < ADMISSION_MS_MAX ? known.tenantId : this.#inTime(known, known.asking)
  }

  async #ask(name: string, credentials: Credentials, role: KeyRole): Promise<TenantId> {
    const at = this.#clock()
    const tenantId = await this.#access.authorise(credentials, role)
    this.#known.set(name, { tenantId, at, asking: null, awayAt: Number.NEGATIVE_INFINITY })
    return tenantId
  }

  async #askAgain(name: string, credentials: Credentials, role: KeyRole, known: Admitted): Promise<TenantId> {
    const at = this.#clock()
    try {
      return await this.#ask(name, credentials, role)
    } catch (error) {
      known.asking = null
      if (asAforoError(error).code === 'unavailable' && at - known.at < ADMISSION_AWAY_MS_MAX) {
        known.awayAt = this.#clock()
        return known.tenantId
      }
      this.#known.delete(name)
      throw error
    }
  }

  #inTime(known: Admitted, asking: Promise<TenantId>): Promise<TenantId> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        known.awayAt = this.#clock()
        resolve(known.tenantId)
      }, ADMISSION_WAIT_MS)
      asking.then(resolve, reject).finally(() => clearTimeout(late))
    })
  }
}

function nameOf({ authorization = '', tenantHeader = '' }: Credentials, role: KeyRole): string {
  return `${role}\0${tenantHeader}\0${authorization}`
}
