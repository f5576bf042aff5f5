import type { Estimate } from '../core/decision.ts'
import { currentGuard } from './current.ts'
import { DENIED, DeniedError } from './denied.ts'
import type { OpenCall, RunningGuard } from './guard.ts'

/** How much a request may use, read from its JSON body as model providers take it; undefined: nothing is held. */
export type EstimateOf = (body: unknown, bytes: number) => { model?: string; estimate?: Estimate } | undefined

export interface GuardedFetchOptions {
  /** Default: the guard that `start` made. */
  readonly guard?: Pick<RunningGuard, 'open'>
  readonly fetch?: typeof fetch
  readonly estimateOf?: EstimateOf
}

/**
 * A `fetch` for model clients (`new OpenAI({ fetch })`, `createAnthropic({ fetch })`): each request is checked and held
 * for before it is sent, aborted when its budget trips, and settled when its answer has been read. The client keeps its
 * type. A request that is denied is answered 403 with the decision, which clients take for final: they do not try again.
 */
export function guardedFetch(options: GuardedFetchOptions = {}): typeof fetch {
  const { fetch: send = fetch, estimateOf = estimateOfBody } = options
  return async (input, init) => {
    const text = await textOf(input, init)
    const found = text === null ? undefined : estimateOf(parsed(text), Buffer.byteLength(text))
    let call: OpenCall
    try {
      call = await (options.guard ?? currentGuard()).open(found ?? {})
    } catch (error) {
      if (error instanceof DeniedError) return denial(error)
      throw error
    }
    const own = init?.signal ?? (input instanceof Request ? input.signal : undefined)
    const signal = own ? AbortSignal.any([own, call.signal]) : call.signal
    try {
      return untilRead(await call.inside(() => send(input, { ...init, signal })), call)
    } catch (error) {
      call.over()
      throw error
    }
  }
}

/** The body where it is text; of a `Request` a copy, as it can be read but once. */
async function textOf(...[input, init]: Parameters<typeof fetch>): Promise<string | null> {
  if (init?.body !== undefined && init.body !== null) return typeof init.body === 'string' ? init.body : null
  return input instanceof Request && input.body !== null ? input.clone().text() : null
}

/** Stainless' clients, OpenAI's and Anthropic's among them, ask the header whether to try again. */
function denial(error: DeniedError): Response {
  const { decision, message } = error
  return Response.json(
    { error: { type: DENIED, code: decision.reason, message, decision } },
    { status: 403, headers: { 'x-should-retry': 'false' } },
  )
}

/** The answer, whose call is over when its body has been read to the end or given up. */
function untilRead(response: Response, call: OpenCall): Response {
  if (response.body === null) {
    call.over()
    return response
  }
  const reader = response.body.getReader()
  // Nothing is read ahead: a read that is under way would keep an answer alive that its caller dropped.
  const lazily = { highWaterMark: 0 }
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (!done) return controller.enqueue(value)
          call.over()
          controller.close()
        } catch (error) {
          call.over()
          controller.error(error)
        }
      },
      cancel(reason) {
        call.over()
        return reader.cancel(reason)
      },
    },
    lazily,
  )
  unread.register(body, { call, reader })
  const { status, statusText, headers, url } = response
  return Object.defineProperty(new Response(body, { status, statusText, headers }), 'url', { value: url })
}

/**
 * An answer that its caller dropped unread, as who looks at the status alone does, is over too: its session would be watched,
 * and its connection kept, for as long as the process lives.
 */
const unread = new FinalizationRegistry<{ call: OpenCall; reader: ReadableStreamDefaultReader }>(
  ({ call, reader }) => {
    call.over()
    reader.cancel().catch(() => {})
  },
)

/**
 * Tokens a byte of a request can become at most in what people write: a word of English is a token in four bytes, a
 * sign of Chinese one in three. JSON around it costs less. Nobody can know without the provider's tokenizer.
 */
const BYTES_PER_TOKEN = 2

/** The model and the limits of a request in the spelling of OpenAI, Anthropic, Google and those who copy them. */
export function estimateOfBody(body: unknown, bytes: number): ReturnType<EstimateOf> {
  if (typeof body !== 'object' || body === null) return undefined
  const fields = body as Record<string, unknown>
  const generation = (fields.generationConfig ?? {}) as Record<string, unknown>
  const limit =
    fields.max_completion_tokens ??
    fields.max_output_tokens ??
    fields.max_tokens ??
    generation.maxOutputTokens
  // So many answers are made for one request, each up to the limit.
  const answers = Math.max(1, ...[fields.n, fields.best_of, generation.candidateCount].filter(isCount))
  return {
    ...(typeof fields.model === 'string' ? { model: fields.model } : {}),
    estimate: {
      input_tokens: String(Math.ceil(bytes / BYTES_PER_TOKEN)),
      ...(isCount(limit) ? { max_output_tokens: String(BigInt(limit) * BigInt(answers)) } : {}),
    },
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
