import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Request, RequestHandler, Response } from 'express'
import { checkedInput } from './checked-input.ts'
import type { ApiDeps } from './deps.ts'
import type { LongRoute, StreamedAnswer } from './long-route.ts'
import type { Answer } from './route.ts'

/** The handler of a long route. What it does ends with the client's connection. */
export function longEndpoint(route: LongRoute, deps: ApiDeps): RequestHandler {
  return async (request, response) => {
    const tenantId = await deps.access.authorise(
      { authorization: request.get('authorization'), tenantHeader: request.get('x-aforo-tenant') },
      route.role ?? (route.method === 'get' ? 'read' : 'admin'),
    )
    const input = checkedInput(route, request)
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const answer = await route.run({
      ...input,
      ...deps.pricing,
      tenantId,
      pool: deps.pool,
      simulate: deps.simulate,
      now: deps.now(),
      signal: gone.signal,
      accepts: (types) => request.accepts([...types]) || null,
    })
    // Nobody is there to be told.
    if (gone.signal.aborted) return
    if ('stream' in answer) await sendStream(request, response, answer)
    else send(response, answer)
  }
}

function send(response: Response, answer: Answer): void {
  response.status(answer.status)
  if (typeof answer.body === 'string') response.type('text/plain').send(answer.body)
  else response.json(answer.body)
}

/**
 * A fault after the first bytes can only be told by breaking the connection off: a body that ended in order would be
 * taken for all of it.
 */
async function sendStream(
  request: Request,
  response: Response,
  { type, fileName, stream }: StreamedAnswer,
): Promise<void> {
  response.status(200).type(type)
  response.setHeader('content-disposition', `attachment; filename="${fileName}"`)
  response.setHeader('vary', 'accept, accept-encoding')
  const gzips = request.acceptsEncodings(['gzip', 'identity']) === 'gzip'
  if (gzips) response.setHeader('content-encoding', 'gzip')
  try {
    await (gzips ? pipeline(stream, createGzip(), response) : pipeline(stream, response))
  } catch (error) {
    // The client went away: nothing is wrong, and nobody is there to be told.
    if ((error as { code?: unknown }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  }
}
