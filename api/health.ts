import { Router } from 'express'
import { AforoError } from '../core/errors.ts'
import { databaseFault } from '../schema/faults.ts'
import { isMigrated } from '../schema/readiness.ts'
import type { ApiDeps } from './deps.ts'

/**
 * `/healthz`, `/livez`: this process runs. `/readyz`: it can do its work, the database answers and has our schema. `/metrics`:
 * Prometheus text, for the role `read`.
 */
export function health(deps: Pick<ApiDeps, 'pool' | 'access' | 'registry'>): Router {
  const router = Router()
  router.get(['/healthz', '/livez'], (_request, response) => {
    response.json({ status: 'ok' })
  })
  router.get('/readyz', async (_request, response) => {
    const migrated = await isMigrated(deps.pool).catch((error: unknown) => {
      throw databaseFault(error)
    })
    if (!migrated) throw new AforoError('unavailable', 'the database has not our schema yet')
    response.json({ status: 'ready' })
  })
  router.get('/metrics', async (request, response) => {
    await deps.access.authorise(
      { authorization: request.get('authorization'), tenantHeader: request.get('x-aforo-tenant') },
      'read',
    )
    response.type(deps.registry.contentType).send(await deps.registry.metrics())
  })
  return router
}
