import { asAforoError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { Access, Credentials } from '../schema/access.ts'
import type { KeyRole } from '../schema/keys.ts'
import { BoundedMap } from './bounded-map.ts'

/** Credentials remembered. */
export const CREDENTIALS_MAX = 10_000
/** An answer is used so long without asking, and asked for again in the background after half of it. */
export const ADMISSION_MS_MAX = 2_000
/** While nobody can be asked about a key, what was said last counts so long. */
export const ADMISSION_AWAY_MS_MAX = 600_000

interface Admitted {
  readonly tenantId: TenantId
  readonly at: number
  isAsking: boolean
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
    if (!known) return this.#ask(name, credentials, role, undefined)
    const age = this.#clock() - known.at
    if (age >= ADMISSION_MS_MAX) return this.#ask(name, credentials, role, known)
    if (age >= ADMISSION_MS_MAX / 2 && !known.isAsking) {
      known.isAsking = true
      this.#ask(name, credentials, role, known).catch(() => {})
    }
    return known.tenantId
  }

  async #ask(
    name: string,
    credentials: Credentials,
    role: KeyRole,
    known: Admitted | undefined,
  ): Promise<TenantId> {
    const at = this.#clock()
    try {
      const tenantId = await this.#access.authorise(credentials, role)
      this.#known.set(name, { tenantId, at, isAsking: false })
      return tenantId
    } catch (error) {
      const isAway = asAforoError(error).code === 'unavailable'
      if (known && isAway && at - known.at < ADMISSION_AWAY_MS_MAX) {
        known.isAsking = false
        return known.tenantId
      }
      this.#known.delete(name)
      throw error
    }
  }
}

function nameOf({ authorization = '', tenantHeader = '' }: Credentials, role: KeyRole): string {
  return `${role}\0${tenantHeader}\0${authorization}`
}
