import type { Request, RequestHandler, Response } from 'express'
import type pg from 'pg'
import type { TenantId } from '../core/ids.ts'
import { transaction } from '../schema/pool.ts'
import { checkedInput } from './checked-input.ts'
import type { ApiDeps } from './deps.ts'
import { once } from './idempotency.ts'
import type { Answer, Call, Route } from './route.ts'

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
