import type pg from 'pg'
import type { z } from 'zod'
import type { TenantId } from '../core/ids.ts'
import type { Pricing } from '../core/quote.ts'
import type { Invoicing } from './invoicing.ts'
import type { PriceUpdates } from './price-updates.ts'

/** What a handler is given: input that has been checked, and a client inside a transaction of its own. */
export interface Call<P, Q, B> extends Pricing {
  readonly tenantId: TenantId
  readonly path: P
  readonly query: Q
  readonly body: B
  /** Reads: one snapshot for all statements. Writes: committed with the answer, rolled back with an error. */
  readonly client: pg.PoolClient
  readonly prices: PriceUpdates
  readonly now: Date
  /** The client asked for text/plain, and the route has it. */
  readonly wantsText: boolean
  /** The content type of the answer that the client likes best: JSON, or one of the route's `forms`. */
  readonly form: string
  readonly invoicing: Invoicing
}

/** A string is sent as text/plain, anything else as JSON; with a `type`, text or bytes of that type. */
export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly type?: string
}

/**
 * An endpoint as data: express is set up from it, its input is checked by it, and the OpenAPI document tells of it.
 * `path` is written as OpenAPI does: `/v1/events/{event_id}`.
 */
export interface Route<P = unknown, Q = unknown, B = unknown> {
  readonly method: 'get' | 'put' | 'post' | 'delete'
  readonly path: string
  readonly summary: string
  readonly description?: string
  readonly pathFields: z.ZodType<P>
  readonly queryFields: z.ZodType<Q>
  /** Undefined: the endpoint takes no body. */
  readonly bodyFields?: z.ZodType<B>
  /** Where a body may be larger than `BODY_BYTES_MAX`. */
  readonly bodyBytesMax?: number
  readonly answers: Readonly<Record<number, z.ZodType>>
  readonly hasText?: boolean
  /** Content types of its answer beside JSON. */
  readonly forms?: readonly string[]
  /** The role it takes. Default: `read` for GET, `admin` for the others. */
  readonly role?: 'read' | 'admin'
  handle(call: Call<P, Q, B>): Promise<Answer>
}

/** Lets the fields of a route type its handler, then forgets them: a list of routes has one type. */
export function route<P, Q, B>(definition: Route<P, Q, B>): Route {
  return definition as unknown as Route
}

/** 200 with a body. */
export function ok(body: unknown): Answer {
  return { status: 200, body }
}
