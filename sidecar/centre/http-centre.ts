import { AforoError, asAforoError, type ErrorCode } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Exchange, ExchangeReply, Taken } from '../../core/lease.ts'
import type { Log } from '../../core/log.ts'
import { PROBLEMS } from '../../core/problem.ts'
import type { RateCard } from '../../core/rate-card.ts'
import type { Credentials } from '../../schema/access.ts'
import type { SpenderFacts } from '../../schema/budgets/spenders.ts'
import type { KeyRole } from '../../schema/keys.ts'
import { batchedReads, batchedTakes } from './batcher.ts'
import type { Centre, Change } from './centre.ts'

/** The centre is away where it does not answer in this time. */
export const ANSWER_MS_MAX = 2_000
/** A line of changes is no longer than this. */
const LINE_CHARS_MAX = 16_777_216
/** Nothing comes for so long on a stream that beats every half second: it is dead. */
const SILENCE_MS_MAX = 3_000
const BACKOFF_MS = 100
const BACKOFF_MS_MAX = 2_000

interface HttpCentreParts {
  /** Of the check address of an Aforo with a database: `http://10.0.0.5:4319`. */
  readonly upstream: string
  /** Of the role `check`; null for one that is open. */
  readonly key: string | null
  /** Whether a request without a key may use ours: only this machine can reach us. */
  readonly lendsKey: boolean
  readonly log: Log
}

/** The centre as the check address of another Aforo tells of it. */
export function createHttpCentre(parts: HttpCentreParts): Centre {
  const stops = new Set<() => void>()
  const ask = async <T>(
    what: string,
    body: unknown,
    tenantHeader: string | undefined,
    tellsInternal = false,
  ): Promise<T> => {
    const response = await reached(
      fetch(`${parts.upstream}/v1/centre/${what}`, {
        method: 'POST',
        headers: headersOf(parts.key, tenantHeader),
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      }),
    )
    return (await bodyOf(response, tellsInternal)) as T
  }
  const reads = batchedReads((tenantId, spenders) => ask<readonly SpenderFacts[]>('read', spenders, tenantId))
  const takes = batchedTakes((tenantId, holds) => ask<readonly Taken[]>('take', holds, tenantId, true))
  return {
    access: {
      async authorise(credentials: Credentials, role: KeyRole): Promise<TenantId> {
        const { tenantHeader } = credentials
        const lent = parts.lendsKey && parts.key !== null && credentials.authorization === undefined
        const authorization = lent ? `Bearer ${parts.key}` : credentials.authorization
        // What our own key may do is what it is lent for.
        const asked = { authorization, tenantHeader, role: lent ? 'check' : role }
        return (await ask<{ tenant: TenantId }>('authorise', asked, tenantHeader)).tenant
      },
    },
    read: (tenantId, spender) => reads.ask(tenantId, spender),
    take: (tenantId, hold) => takes.ask(tenantId, hold),
    exchange: (tenantId, told: Exchange) => ask<ExchangeReply>('exchange', told, tenantId, true),
    rates: (tenantId, question) => ask<RateCard>('rates', question, tenantId),
    async kill(tenantId, { kind, id }, reason) {
      return (await ask<{ is_new: boolean }>('kill', { kind, id, reason }, tenantId)).is_new
    },
    async lift(tenantId, { kind, id }) {
      return (await ask<{ was_killed: boolean }>('lift', { kind, id, reason: null }, tenantId)).was_killed
    },
    follow(tenantId, tell) {
      const stop = followAt(parts, tenantId, tell)
      stops.add(stop)
      return () => {
        stops.delete(stop)
        stop()
      }
    },
    async stop() {
      for (const stop of stops) stop()
    },
  }
}

/** Reads changes line by line, and comes again, less and less often, where the stream ends. */
function followAt(
  { upstream, key, log }: HttpCentreParts,
  tenantId: TenantId,
  tell: (change: Change) => void,
): () => void {
  const stopped = new AbortController()
  let failures = 0
  let isSaid = false
  const run = async () => {
    while (!stopped.signal.aborted) {
      try {
        const silence = new AbortController()
        const signal = AbortSignal.any([stopped.signal, silence.signal])
        let late = setTimeout(() => silence.abort(), SILENCE_MS_MAX)
        try {
          const url = `${upstream}/v1/centre/changes`
          const response = await fetch(url, { headers: headersOf(key, tenantId), signal })
          if (!response.ok) await bodyOf(response)
          for await (const line of linesOf(response.body!)) {
            clearTimeout(late)
            late = setTimeout(() => silence.abort(), SILENCE_MS_MAX)
            failures = 0
            if (isSaid) log.info({ tenantId, upstream }, 'the centre is heard again')
            isSaid = false
            tell(JSON.parse(line) as Change)
          }
        } finally {
          clearTimeout(late)
        }
      } catch (error) {
        // A stream that was ended in order has failed once by now, too, and was no fault.
        if (!stopped.signal.aborted && !isSaid) {
          log.warn(
            { err: error, tenantId, upstream },
            'the centre is not heard; checks are answered by what is known',
          )
          isSaid = true
        }
      }
      failures += 1
      await pause(Math.min(BACKOFF_MS * 2 ** failures, BACKOFF_MS_MAX), stopped.signal)
    }
  }
  void run()
  return () => stopped.abort()
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = ''
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    if (rest.length > LINE_CHARS_MAX) throw new AforoError('unavailable', 'a line of changes is too long')
    yield* lines
  }
}

function headersOf(key: string | null, tenantHeader: string | undefined): Record<string, string> {
  return {
    'content-type': 'application/json',
    ...(key !== null && { authorization: `Bearer ${key}` }),
    ...(tenantHeader !== undefined && { 'x-aforo-tenant': tenantHeader }),
  }
}

async function reached(asked: Promise<Response>): Promise<Response> {
  try {
    return await asked
  } catch (error) {
    throw new AforoError('unavailable', 'the centre is away', { cause: error })
  }
}

/**
 * What was answered, or the fault that was told. A server that fails is one that is away.
 * @param tellsInternal unless it says itself that the fault is its own, and not one that passes
 */
async function bodyOf(response: Response, tellsInternal = false): Promise<unknown> {
  let body: unknown
  try {
    body = await response.json()
  } catch (error) {
    throw new AforoError('unavailable', 'the centre answered with something else', { cause: error })
  }
  if (response.ok) return body
  const { code, detail } = body as { code?: unknown; detail?: unknown }
  const isOurs = typeof code === 'string' && code in PROBLEMS && (tellsInternal || code !== 'internal')
  throw new AforoError(isOurs ? (code as ErrorCode) : 'unavailable', String(detail ?? response.status), {
    httpStatus: response.status,
  })
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** Each address of an Aforo says in JSON, and each in words of its own, that it knows nothing of a centre. */
const NOT_FOUND = 404

/**
 * Asks whether a key is let in, before anything depends on it. Throws what the centre says of it.
 * @returns why nobody could be asked; null where the key was let in
 */
export async function refuseBadKey(centre: Centre): Promise<AforoError | null> {
  try {
    await centre.access.authorise({}, 'check')
    return null
  } catch (error) {
    const fault = asAforoError(error)
    if (fault.httpStatus !== NOT_FOUND) {
      if (fault.retryable) return fault
      throw fault
    }
    throw new AforoError('invalid_argument', 'the upstream answers, and is no check address of an Aforo')
  }
}
