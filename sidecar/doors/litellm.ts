import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { CheckRequest, Decision } from '../../core/decision.ts'
import { AforoError, asAforoError } from '../../core/errors.ts'
import { sendJson } from '../server/answer.ts'
import { refuse } from '../server/request.ts'
import type { CheckerFor, Door } from '../server/routes.ts'
import { askedOf, headerOf } from './asked.ts'
import { KeptFields } from './kept-fields.ts'
import type { DoorMetrics } from './metrics.ts'
import { headerText, keyOf } from './proxy-auth.ts'
import { lets } from './told.ts'

const PATH = '/beta/litellm_basic_guardrail_api'
const DOOR = 'litellm'
/** A whole conversation, images in it; it is walked over as it comes. */
export const GUARDRAIL_BYTES_MAX = 67_108_864

/** What LiteLLM knows of who calls; who of them pays is for the one to say who runs it. */
const CALLERS = ['end_user_id', 'team_id', 'user_id', 'org_id', 'team_alias', 'alias', 'hash'] as const
const CUSTOMER_FROM = 'end_user_id,team_id,user_id'
const CUSTOMER_FROM_HEADER = 'x-aforo-customer-from'
/** Written by LiteLLM in place of a header's value that it does not forward. */
const NOT_FORWARDED = '[present]'

const WANTED: ReadonlySet<string> = new Set(['input_type', 'request_data', 'request_headers', 'model'])

/**
 * LiteLLM's generic guardrail: asked before a call with everything about it, answered NONE or BLOCKED. Texts are walked
 * over. Product, agent and the order in which the customer is looked for come as headers, which LiteLLM's configuration
 * states; what it calls additional parameters its clients may overwrite, and is not read.
 */
export function liteLlmDoor(metrics: DoorMetrics): Door {
  return {
    answer(request, response, path, checkerFor) {
      if (path !== PATH || request.method !== 'POST') return null
      return answer(request, checkerFor, metrics).then(
        (body) => sendJson(response, { status: 200, body }),
        (thrown: unknown) => {
          metrics.answered(DOOR, asAforoError(thrown).code)
          throw thrown
        },
      )
    },
  }
}

async function answer(
  request: IncomingMessage,
  checkerFor: CheckerFor,
  metrics: DoorMetrics,
): Promise<object> {
  const { headers } = request
  const apiKey = headerText(headers, 'x-api-key')
  const checker = await checkerFor('check', apiKey ? `Bearer ${apiKey}` : keyOf(headers))
  const fields = await keptFieldsOf(request)
  const { input_type: inputType } = fields
  if (inputType !== 'request' && inputType !== 'response')
    refuse([{ path: '/input_type', message: 'must be request or response' }])
  if (inputType === 'response') {
    // The call has been made: what it cost is in its span.
    metrics.answered(DOOR, 'after')
    return { action: 'NONE' }
  }
  let asked: CheckRequest
  try {
    asked = askedByLiteLlm(fields, headers)
  } catch (thrown) {
    const { code, message } = asAforoError(thrown)
    if (code !== 'invalid_argument') throw thrown
    metrics.answered(DOOR, code)
    return { action: 'BLOCKED', blocked_reason: `${code}: ${message}` }
  }
  const decision = await checker.check(asked)
  metrics.answered(DOOR, decision.decision)
  return lets(decision) ? { action: 'NONE' } : { action: 'BLOCKED', blocked_reason: reasonOf(decision) }
}

function askedByLiteLlm(fields: Record<string, unknown>, headers: IncomingHttpHeaders): CheckRequest {
  const callers = objectOf(fields.request_data)
  const order = (headerText(headers, CUSTOMER_FROM_HEADER) || CUSTOMER_FROM).split(',')
  const unknown = order.find((each) => !(CALLERS as readonly string[]).includes(each.trim()))
  if (unknown !== undefined)
    refuse([{ path: `/${CUSTOMER_FROM_HEADER}`, message: `must list some of ${CALLERS.join(', ')}` }])
  const customer = order.map((each) => textOf(callers[`user_api_key_${each.trim()}`])).find(Boolean)
  const forwarded = objectOf(fields.request_headers)
  return askedOf((parameter) => {
    if (parameter === 'customer') return customer
    if (parameter === 'model') return textOf(fields.model)
    if (parameter === 'session') return sessionOf(forwarded)
    if (parameter === 'product' || parameter === 'agent') return headerText(headers, headerOf(parameter))
    return undefined
  })
}

/** A session is the client's to name; LiteLLM forwards the header where `extra_headers` lists it. */
function sessionOf(forwarded: Readonly<Record<string, unknown>>): string | undefined {
  const session = textOf(forwarded[headerOf('session')])
  return session === NOT_FORWARDED ? undefined : session
}

function reasonOf({ reason, budget, retry_after_ms: waitMs }: Decision): string {
  const by = budget === undefined ? '' : ` (budget ${budget})`
  return `${reason}${by}${waitMs === undefined ? '' : `, try again in ${waitMs} ms`}`
}

function keptFieldsOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const fields = new KeptFields(WANTED)
    let bytes = 0
    const fail = (error: unknown) => {
      request.removeAllListeners('data')
      request.resume()
      reject(error)
    }
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      try {
        if (bytes > GUARDRAIL_BYTES_MAX)
          throw new AforoError('body_too_large', `the body is larger than ${GUARDRAIL_BYTES_MAX} bytes`)
        fields.add(chunk)
      } catch (error) {
        fail(error)
      }
    })
    request.on('end', () => {
      try {
        resolve(fields.end())
      } catch (error) {
        reject(error)
      }
    })
    request.on('close', () => reject(new AforoError('invalid_argument', 'the body ended before its length')))
  })
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
