import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'
import type { Spender } from '../../core/budget.ts'
import { KILL_KINDS, type KillKind } from '../../core/decision.ts'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { KeyRole } from '../../schema/keys.ts'
import type { Centre } from '../centre/centre.ts'
import { CENTRE_QUESTIONS, streamChanges } from '../centre/centre-wire.ts'
import type { Checker } from '../checker.ts'
import type { Checkers } from '../checkers.ts'
import type { CheckMetrics } from '../metrics.ts'
import { type Answer, sendJson } from './answer.ts'
import { CENTRE_BYTES_MAX, CHECK_BYTES_MAX, readBody } from './body.ts'
import type { DecisionStreams } from './decision-streams.ts'
import { endHold } from './hold-end.ts'
import { isName, KEPT_NAME_RULE, keptName, NAME_RULE, refuse } from './request.ts'

/** Lets a request in, in a role. `authorization`: in place of its own header. Throws, or rejects, as `Access` does. */
export type Admit = (
  request: IncomingMessage,
  role: KeyRole,
  authorization?: string,
) => TenantId | Promise<TenantId>

/** The checker of whoever asks. `authorization`: in place of the request's own header. Rejects as `Access` throws. */
export type CheckerFor = (role: KeyRole, authorization?: string) => Promise<Checker>

/** Something else that asks for decisions, in the words of another protocol. */
export interface Door {
  /** Null: the request is not for it. */
  readonly answer: (
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    checkerFor: CheckerFor,
  ) => Promise<void> | null
}

export interface RouteParts {
  readonly centre: Centre
  readonly checkers: Checkers
  readonly streams: DecisionStreams
  readonly metrics: CheckMetrics
  readonly registry: Registry
  readonly doors?: readonly Door[]
  /** Whether it can do its work; it can from memory too. */
  readonly isReady: () => Promise<boolean>
}

/** Answers everything but a check. Rejects with what the caller is to tell. */
export async function answerRoute(
  parts: RouteParts,
  admit: Admit,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { path, query } = split(request.url ?? '')
  const checkerFor: CheckerFor = async (role, authorization) =>
    parts.checkers.of(await admit(request, role, authorization))
  for (const door of parts.doors ?? []) {
    const answered = door.answer(request, response, path, checkerFor)
    if (answered) return answered
  }
  const { method } = request
  if (method === 'GET') return get(parts, admit, request, response, path, query)
  if (method !== 'POST') throw new AforoError('not_found', `there is no ${method} ${path}`)
  const [, version, noun, rawId = '', verb] = path.split('/')
  if (version === 'v1' && noun === 'centre' && verb === undefined && CENTRE_QUESTIONS[rawId]) {
    const tenantId = await admit(request, 'check')
    const body = await readBody(request, CENTRE_BYTES_MAX)
    return sendJson(response, {
      status: 200,
      body: await CENTRE_QUESTIONS[rawId](parts.centre, tenantId, body),
    })
  }
  const id = decoded(rawId)
  if (version === 'v1' && noun === 'holds' && (verb === 'settle' || verb === 'release')) {
    const checker = await checkerFor('check')
    const body = await endHold(checker, id, verb, await readBody(request, CHECK_BYTES_MAX))
    return sendJson(response, { status: 200, body })
  }
  const kind = KILL_KINDS.find((each) => `${each}s` === noun)
  if (version === 'v1' && kind && (verb === 'kill' || verb === 'lift')) {
    const checker = await checkerFor('check')
    return sendJson(response, await stop(checker, kind, id, verb, await readBody(request, CHECK_BYTES_MAX)))
  }
  throw new AforoError('not_found', `there is no POST ${path}`)
}

async function get(
  { centre, checkers, streams, metrics, registry, isReady }: RouteParts,
  admit: Admit,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  query: URLSearchParams,
): Promise<void> {
  switch (path) {
    case '/healthz':
    case '/livez':
      return sendJson(response, { status: 200, body: { status: 'ok' } })
    case '/readyz':
      if (!(await isReady())) throw new AforoError('unavailable', 'it has not heard of the centre yet')
      return sendJson(response, { status: 200, body: { status: 'ready' } })
    case '/metrics': {
      await admit(request, 'read')
      const sizes = checkers.sizes()
      for (const [what, size] of Object.entries(sizes)) metrics.remembered.set({ what }, size)
      metrics.untold.set(sizes.untold ?? 0)
      const text = await registry.metrics()
      response.writeHead(200, { 'content-type': registry.contentType })
      response.end(text)
      return
    }
    case '/v1/watch': {
      const spender = spenderOf(query)
      streams.open(response, checkers.of(await admit(request, 'check')), spender)
      return
    }
    case '/v1/centre/changes': {
      const tenantId = await admit(request, 'check')
      return streamChanges(centre, tenantId, response)
    }
    default:
      throw new AforoError('not_found', `there is no GET ${path}`)
  }
}

async function stop(
  checker: Checker,
  kind: KillKind,
  id: string,
  verb: 'kill' | 'lift',
  body: unknown,
): Promise<Answer> {
  const name = kind === 'customer' ? id : keptName(id)
  if (name === null || name === '') refuse([{ path: '/id', message: KEPT_NAME_RULE }])
  if (kind === 'customer' && !isName(id)) refuse([{ path: '/id', message: NAME_RULE }])
  const { reason = null } = (body ?? {}) as { reason?: unknown }
  if (reason !== null && !isName(reason)) refuse([{ path: '/reason', message: NAME_RULE }])
  if (verb === 'kill') await checker.kill({ kind, id: name }, reason)
  else await checker.lift({ kind, id: name })
  return { status: 200, body: { kind, id, killed: verb === 'kill' } }
}

function spenderOf(query: URLSearchParams): Spender {
  const faults = []
  const of = (field: 'product' | 'agent' | 'session') => {
    const value = query.get(field)
    const name = keptName(value)
    if (value !== null && name === null) faults.push({ path: `/${field}`, message: KEPT_NAME_RULE })
    return name
  }
  const named = (field: 'customer' | 'trace') => {
    const value = query.get(field)
    if (value !== null && !isName(value)) faults.push({ path: `/${field}`, message: NAME_RULE })
    return value
  }
  const spender = {
    customer: named('customer'),
    product: of('product'),
    agent: of('agent'),
    session: of('session'),
    trace: named('trace'),
  }
  if (spender.customer === null) faults.push({ path: '/customer', message: NAME_RULE })
  if (faults.length > 0) refuse(faults)
  return spender
}

function split(url: string): { path: string; query: URLSearchParams } {
  const at = url.indexOf('?')
  return at < 0
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new AforoError('invalid_argument', 'the path is not encoded right')
  }
}
