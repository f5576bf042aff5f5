import type pg from 'pg'
import type { Registry } from 'prom-client'
import type { TenantId } from '../core/ids.ts'
import type { Log } from '../core/log.ts'
import type { Pricing } from '../core/quote.ts'
import type { Simulate } from '../core/simulation.ts'
import type { Invoicing } from './invoicing.ts'
import type { PriceUpdates } from './price-updates.ts'

/** What the API needs of the door; `schema/access.ts` has one. */
export interface ApiAccess {
  authorise(
    credentials: { authorization?: string | undefined; tenantHeader?: string | undefined },
    role: 'read' | 'admin',
  ): Promise<TenantId>
}

/** What the API is made with. */
export interface ApiDeps {
  readonly pool: pg.Pool
  readonly access: ApiAccess
  readonly log: Log
  readonly registry: Registry
  readonly pricing: Pricing
  readonly simulate: Simulate
  readonly prices: PriceUpdates
  readonly invoicing: Invoicing
  readonly now: () => Date
  /** Of the program, for the OpenAPI document. */
  readonly version: string
}
