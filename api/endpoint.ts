import type { Request, RequestHandler, Response } from 'express'
import type pg from 'pg'
import type { z } from 'zod'
import { AforoError, type FieldFault } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import { transaction } from '../schema/pool.ts'
import { once } from './idempotency.ts'
import type { Answer, Call, Route } from './route.ts'
import type { ApiDeps } from './server.ts'

/** The handler of a route: who asks, is the input right, do it in a transaction, answer. */
export function endpoint(route: Route, deps: ApiDeps): RequestHandler {
  return async (request, response) => {
    const tenantId = await deps.access.authorise(
      { authorization: request.get('authorization'), tenantHeader: request.get('x-aforo-tenant') },
      route.role ?? (route.method === 'get' ? 'read' : 'admin'),
    )
    const input = checkedInput(route, request)
    const wantsText = route.hasText === true && request.accepts(['json', 'text']) === 'text'
    const form = request.accepts([JSON_TYPE, ...(route.forms ?? [])]) || JSON_TYPE
    const answer = await transaction(deps.pool, (client) => {
      const { pricing, prices, invoicing, now } = deps
      const around = { ...pricing, prices, invoicing, now: now(), wantsText, form }
      const call = { ...input, ...around, tenantId, client }
      return route.method === 'get' ? inSnapshot(client, route, call) : onceOnly(client, route, call, request)
    })
    send(response, answer)
  }
}

const JSON_TYPE = 'application/json'

async function inSnapshot(client: pg.PoolClient, route: Route, call: Call<unknown, unknown, unknown>) {
  await client.query('set transaction isolation level repeatable read read only')
  return route.handle(call)
}

async function onceOnly(
  client: pg.PoolClient,
  route: Route,
  call: Call<unknown, unknown, unknown>,
  request: Request,
): Promise<Answer & { repeated: boolean }> {
  const repeatable = {
    tenantId: call.tenantId as TenantId,
    endpoint: `${request.method} ${request.path}`,
    key: request.get('idempotency-key'),
    body: request.body as unknown,
  }
  return once(client, repeatable, call.now, () => route.handle(call))
}

function send(response: Response, answer: Answer & { repeated?: boolean }): void {
  if (answer.repeated) response.setHeader('idempotency-replayed', 'true')
  response.status(answer.status)
  if (answer.type !== undefined) response.type(answer.type).send(answer.body)
  else if (typeof answer.body === 'string') response.type('text/plain').send(answer.body)
  else response.json(answer.body)
}

/** Path, query and body, each checked by the route's fields; all faults are reported together. */
export function checkedInput(
  route: Pick<Route, 'pathFields' | 'queryFields' | 'bodyFields'>,
  request: Request,
): { path: unknown; query: unknown; body: unknown } {
  const faults: FieldFault[] = []
  const checked = {
    path: check(route.pathFields, request.params, faults),
    query: check(route.queryFields, request.query, faults),
    body: route.bodyFields ? check(route.bodyFields, bodyOf(request), faults) : undefined,
  }
  if (faults.length > 0) {
    const told = faults.map((fault) => `${fault.path} ${fault.message}`.trim()).join('; ')
    throw new AforoError('invalid_argument', told, { faults })
  }
  return checked
}

function check(fields: z.ZodType, value: unknown, faults: FieldFault[]): unknown {
  const result = fields.safeParse(value)
  if (result.success) return result.data
  for (const issue of result.error.issues) faults.push(...faultsOf(issue))
  return undefined
}

/** The faults of one issue; a field that is not known is a fault at its own path. */
export function faultsOf(issue: z.core.$ZodIssue): FieldFault[] {
  const path = issue.path.map((part) => `/${String(part)}`).join('')
  if (issue.code !== 'unrecognized_keys') return [{ path: path || '/', message: issue.message }]
  return issue.keys.map((key) => ({ path: `${path}/${key}`, message: 'is not known here' }))
}

/** An absent body stands for an empty one. Anything but JSON was refused before. */
function bodyOf(request: Request): unknown {
  return request.body === undefined ? {} : request.body
}
