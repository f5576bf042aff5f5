import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { type AforoError, asAforoError } from '../../core/errors.ts'
import type { CheckerFor, Door } from '../server/routes.ts'
import { type AuthzWord, askedByProxy, headerOf } from './asked.ts'
import type { DoorMetrics } from './metrics.ts'
import { bytesOf, type Header, lets, limitHeaders, textOf, toldHeaders } from './told.ts'

const PATH = '/v1/authz'
const DOOR = 'authz'
const RETRY_AFTER_SECONDS = 1

/**
 * `/v1/authz`, in any method, for proxies that ask before they pass a request on: 2xx lets it through. Parameters come
 * as `x-aforo-*` headers, or in the query where the proxy's own configuration wrote it: at exactly this path. Below it
 * stands the path of the original request, as Envoy appends it, whose query is anybody's and is not read.
 */
export function proxyAuthDoor(metrics: DoorMetrics): Door {
  return {
    answer(request, response, path, checkerFor) {
      if (path !== PATH && !path.startsWith(`${PATH}/`)) return null
      return answer(request, path, checkerFor).then(
        ([status, headers, outcome]) => {
          metrics.answered(DOOR, outcome)
          end(response, status, headers)
        },
        (thrown: unknown) => {
          const error = asAforoError(thrown)
          // A fault of ours is told and logged by the server.
          if (error.code === 'internal') throw thrown
          metrics.answered(DOOR, error.code)
          end(response, ...refusal(error))
        },
      )
    },
  }
}

type Answered = readonly [status: number, headers: readonly Header[], outcome: string]

async function answer(request: IncomingMessage, path: string, checkerFor: CheckerFor): Promise<Answered> {
  const { headers, url = '' } = request
  const at = path === PATH ? url.indexOf('?') : -1
  const query = at < 0 ? null : new URLSearchParams(url.slice(at + 1))
  const stated = (word: AuthzWord) => query?.get(word) ?? headerText(headers, headerOf(word))
  const checker = await checkerFor('check', keyOf(headers))
  const { asked, denyWith } = askedByProxy(stated, originalPath(headers, path))
  const decision = await checker.check(asked)
  const told = [
    ...toldHeaders(decision, asked),
    ...limitHeaders(decision, checker.quotaOf(asked, decision.budget)),
  ]
  return [lets(decision) ? 200 : denyWith, told, decision.decision]
}

/** Of the request that the proxy asks about. */
function originalPath(headers: IncomingHttpHeaders, path: string): string {
  if (path !== PATH) return path.slice(PATH.length)
  return headerText(headers, 'x-original-uri') ?? headerText(headers, 'x-forwarded-uri') ?? ''
}

/** A key of ours; the Authorization of the original request may be for somebody else. */
export function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const key = headerText(headers, 'x-aforo-key')
  return key ? `Bearer ${key}` : headers.authorization
}

export function headerText(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? textOf(value) : undefined
}

/** What is refused is no call of a known customer: a status that denies, or one that says to come again. */
function refusal({ code }: AforoError): [number, Header[]] {
  const reason: Header = ['x-aforo-reason', code]
  if (code === 'unauthenticated') return [401, [reason, ['www-authenticate', 'Bearer']]]
  if (code === 'unavailable') return [503, [reason, ['retry-after', String(RETRY_AFTER_SECONDS)]]]
  return [403, [reason]]
}

function end(response: ServerResponse, status: number, headers: readonly Header[]): void {
  response.writeHead(status, [
    ...headers.flatMap(([name, value]) => [name, bytesOf(value)]),
    'content-length',
    '0',
    'cache-control',
    'no-store',
  ])
  response.end()
}
