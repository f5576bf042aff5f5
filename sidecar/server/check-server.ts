import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Decision } from '../../core/decision.ts'
import { asAforoError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { PROBLEMS } from '../../core/problem.ts'
import type { Admission } from './admission.ts'
import { CHECK_BYTES_MAX, readJson } from './body.ts'
import { decisionText } from './decision-text.ts'
import { Frames } from './frames.ts'
import type { PlainRequests } from './plain-requests.ts'
import { headersOfProblem, problemText } from './problem.ts'
import { checkRequest } from './request.ts'
import { credentialsOf, withKeyOf } from './request-head.ts'
import { type Admit, answerRoute, type RouteParts } from './routes.ts'

export const KEEP_ALIVE_MS = 75_000
const HEADERS_MS_MAX = 20_000
const REQUEST_MS_MAX = 30_000
export const CONNECTIONS_MAX = 20_000

interface CheckServerParts extends RouteParts {
  readonly admission: Admission
  readonly frames: Frames
  /** Absent: node:http reads every request. */
  readonly plain?: PlainRequests
  readonly log: Log
}

/**
 * The check address. One path is asked for before every model call, and what stands between the socket and the decision is
 * most of what it costs: where it comes as clients send it, it is answered before node:http sees it. Everything else is rare.
 */
export function createCheckServer(parts: CheckServerParts): Server {
  const { admission, checkers, metrics } = parts

  const admit: Admit = (request, role, authorization) => {
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
      answerRoute(parts, admit, request, response).catch((fault: unknown) => fail(request, response, fault))
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
