import express from 'express'
import type pg from 'pg'
import type { Registry } from 'prom-client'
import { AforoError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { Log } from '../core/log.ts'
import type { Pricing } from '../core/quote.ts'
import type { Simulate } from '../core/simulation.ts'
import { jsonBody } from './body.ts'
import { endpoint } from './endpoint.ts'
import { health } from './health.ts'
import type { Invoicing } from './invoicing.ts'
import { longEndpoint } from './long-endpoint.ts'
import { countRequests } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import type { PriceUpdates } from './price-updates.ts'
import { problemHandler } from './problem.ts'
import { LONG_ROUTES, ROUTES } from './routes.ts'

/** What the API needs of the door; `schema/access.ts` has one. */
export interface ApiAccess {
  authorise(
    credentials: { authorization?: string | undefined; tenantHeader?: string | undefined },
    role: 'read' | 'admin',
  ): Promise<TenantId>
}

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

/**
 * The REST API. Endpoints are the rows of `ROUTES`; reading needs the role `read`, writing `admin`. /healthz, /readyz
 * and /openapi.json need no key.
 */
export function createApi(deps: ApiDeps): express.Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.use(countRequests(deps.registry))
  app.use(health(deps))
  const document = openApiDocument([...ROUTES, ...LONG_ROUTES], deps.version)
  app.get('/openapi.json', (_request, response) => {
    response.json(document)
  })
  for (const { path, bodyBytesMax } of ROUTES)
    if (bodyBytesMax !== undefined) app.use(path, jsonBody(bodyBytesMax))
  app.use(jsonBody())
  for (const route of ROUTES) {
    app[route.method](pathOf(route), endpoint(route, deps))
  }
  for (const route of LONG_ROUTES) app[route.method](pathOf(route), longEndpoint(route, deps))
  app.use((request) => {
    throw new AforoError('not_found', `there is no ${request.method} ${request.path}`)
  })
  app.use(problemHandler(deps.log))
  return app
}

/** `/v1/events/{event_id}` as express writes it. */
function pathOf({ path }: { readonly path: string }): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}
