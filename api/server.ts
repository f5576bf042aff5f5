import express from 'express'
import { AforoError } from '../core/errors.ts'
import { jsonBody } from './body.ts'
import type { ApiDeps } from './deps.ts'
import { endpoint } from './endpoint.ts'
import { health } from './health.ts'
import { longEndpoint } from './long-endpoint.ts'
import { countRequests } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import { problemHandler } from './problem.ts'
import { LONG_ROUTES, ROUTES } from './routes.ts'

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
