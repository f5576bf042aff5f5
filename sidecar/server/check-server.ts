import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'
import type { Spender } from '../../core/budget.ts'
import { type Decision, KILL_KINDS, type KillKind } from '../../core/decision.ts'
import { AforoError, asAforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Log } from '../../core/log.ts'
import { PROBLEMS } from '../../core/problem.ts'
import type { KeyRole } from '../../schema/keys.ts'
import type { Centre } from '../centre/centre.ts'
import { CENTRE_QUESTIONS, streamChanges } from '../centre/centre-wire.ts'
import type { Checker } from '../checker.ts'
import type { Checkers } from '../checkers.ts'
import type { CheckMetrics } from '../metrics.ts'
import type { Admission } from './admission.ts'
import { type Answer, sendJson } from './answer.ts'
import { CENTRE_BYTES_MAX, CHECK_BYTES_MAX, readBody, readJson } from './body.ts'
import type { DecisionStreams } from './decision-streams.ts'
import { decisionText } from './decision-text.ts'
import { Frames } from './frames.ts'
import { endHold } from './hold-end.ts'
import type { PlainRequests } from './plain-requests.ts'
import { headersOfProblem, problemText } from './problem.ts'
import { checkRequest, isName, KEPT_NAME_RULE, keptName, NAME_RULE, refuse } from './request.ts'
import { credentialsOf, withKeyOf } from './request-head.ts'

export const KEEP_ALIVE_MS = 75_000
const HEADERS_MS_MAX = 20_000
const REQUEST_MS_MAX = 30_000
export const CONNECTIONS_MAX = 20_000

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

interface CheckServerParts {
  readonly centre: Centre
  readonly checkers: Checkers
  readonly admission: Admission
  readonly streams: DecisionStreams
  readonly frames: Frames
  /** Absent: node:http reads every request. */
  readonly plain?: PlainRequests
  readonly metrics: CheckMetrics
  readonly registry: Registry
  readonly log: Log
  readonly doors?: readonly Door[]
  /** Whether it can do its work; it can from memory too. */
  readonly isReady: () => Promise<boolean>
}

/**
 * The check address. One path is asked for before every model call, and what stands between the socket and the decision is
 * most of what it costs: where it comes as clients send it, it is answered before node:http sees it. Everything else is rare.
 */
export function createCheckServer(parts: CheckServerParts): Server {
  const { admission, checkers, metrics } = parts

  function admit(
    request: IncomingMessage,
    role: KeyRole,
    authorization?: string,
  ): TenantId | Promise<TenantId> {
    const shown = credentialsOf(request)
    return admission.admit(authorization === undefined ? shown : { ...shown, authorization }, role)
  }

  function check(request: IncomingMessage, response: ServerResponse): void {
    readJson(request, CHECK_BYTES_MAX, (error, body) => {
      try {
        if (error) throw error
        const tenantId = admit(request, 'check')
        if (typeof tenantId !== 'string') {
          tenantId
            .then((found) => checkers.of(found).check(checkRequest(withKeyOf(request, body), Date.now())))
            .then((decision) => sendDecision(response, decision))
            .catch((fault: unknown) => fail(request, response, fault))
          return
        }
        const decision = checkers.of(tenantId).check(checkRequest(withKeyOf(request, body), Date.now()))
        if (!(decision instanceof Promise)) return sendDecision(response, decision)
        decision.then(
          (found) => sendDecision(response, found),
          (fault: unknown) => fail(request, response, fault),
        )
      } catch (fault) {
        fail(request, response, fault)
      }
    })
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path, query } = split(request.url ?? '')
    const checkerFor: CheckerFor = async (role, authorization) =>
      checkers.of(await admit(request, role, authorization))
    for (const door of parts.doors ?? []) {
      const answered = door.answer(request, response, path, checkerFor)
      if (answered) return answered
    }
    const { method } = request
    if (method === 'GET') return get(request, response, path, query, checkerFor)
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
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
    checkerFor: CheckerFor,
  ): Promise<void> {
    switch (path) {
      case '/healthz':
      case '/livez':
        return sendJson(response, { status: 200, body: { status: 'ok' } })
      case '/readyz':
        if (!(await parts.isReady()))
          throw new AforoError('unavailable', 'it has not heard of the centre yet')
        return sendJson(response, { status: 200, body: { status: 'ready' } })
      case '/metrics': {
        await admit(request, 'read')
        const sizes = checkers.sizes()
        for (const [what, size] of Object.entries(sizes)) metrics.remembered.set({ what }, size)
        metrics.untold.set(sizes.untold ?? 0)
        const text = await parts.registry.metrics()
        response.writeHead(200, { 'content-type': parts.registry.contentType })
        response.end(text)
        return
      }
      case '/v1/watch': {
        const spender = spenderOf(query)
        parts.streams.open(response, await checkerFor('check'), spender)
        return
      }
      case '/v1/centre/changes': {
        const tenantId = await admit(request, 'check')
        return streamChanges(parts.centre, tenantId, response)
      }
      default:
        throw new AforoError('not_found', `there is no GET ${path}`)
    }
  }

  function fail(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
    const error = asAforoError(thrown)
    if (error.code === 'internal') parts.log.error({ err: thrown, path: request.url }, 'check failed')
    metrics.refused.inc({ code: error.code })
    if (response.headersSent || response.destroyed) return void response.destroy()
    const text = problemText(error)
    const headers = headersOfProblem(error, text)
    if (error.code === 'body_too_large') headers.connection = 'close'
    response.writeHead(PROBLEMS[error.code].status, headers)
    response.end(text)
  }

  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_MS_MAX,
      requestTimeout: REQUEST_MS_MAX,
      // Java's client, for one, offers h2c with every request.
      shouldUpgradeCallback: Frames.isFor,
    },
    (request, response) => {
      if (request.url === '/v1/check' && request.method === 'POST') return check(request, response)
      answer(request, response).catch((fault: unknown) => fail(request, response, fault))
    },
  )
  server.on('upgrade', (request, socket, head) => void parts.frames.open(request, socket, head))
  server.maxConnections = CONNECTIONS_MAX
  parts.plain?.takeFrom(server)
  return server
}

/** A decision is small and always the same few fields. */
function sendDecision(response: ServerResponse, decision: Decision): void {
  const text = decisionText(decision)
  // Names may hold anything that can be printed.
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
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
