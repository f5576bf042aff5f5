import type { IncomingMessage } from 'node:http'
import { AforoError, asAforoError } from '../../core/errors.ts'
import type { Checker } from '../checker.ts'
import { type Answer, sendJson } from '../server/answer.ts'
import { readBody } from '../server/body.ts'
import { refuse } from '../server/request.ts'
import type { CheckerFor, Door } from '../server/routes.ts'
import { askedByAuthzen, type Evaluated, evaluated, fieldsOf } from './authzen-words.ts'
import type { DoorMetrics } from './metrics.ts'

const EVALUATION = '/access/v1/evaluation'
const EVALUATIONS = '/access/v1/evaluations'
const CONFIGURATION = '/.well-known/authzen-configuration'
const DOOR = 'authzen'
/** Evaluations in one request. */
export const EVALUATIONS_MAX = 100
export const EVALUATIONS_BYTES_MAX = 262_144
const REQUEST_ID_CHARS_MAX = 256
const HOST = /^[\w.:[\]-]{1,255}$/

/** After which of its answers a batch ends. */
const SEMANTICS: Readonly<Record<string, (answer: Evaluated) => boolean>> = {
  execute_all: () => false,
  deny_on_first_deny: ({ decision }) => !decision,
  permit_on_first_permit: ({ decision }) => decision,
}

/** AuthZEN's Authorization API 1.0: one evaluation, many, and where they are. A denial is 200, with `decision: false`. */
export function authzenDoor(metrics: DoorMetrics): Door {
  return {
    answer(request, response, path, checkerFor) {
      const { method } = request
      const answering =
        path === CONFIGURATION && method === 'GET'
          ? Promise.resolve(configuration(request))
          : (path === EVALUATION || path === EVALUATIONS) && method === 'POST'
            ? answer(request, path === EVALUATIONS, checkerFor, metrics)
            : null
      if (!answering) return null
      return answering.then(
        (answered) => sendJson(response, { ...answered, headers: requestId(request) }),
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
  isBatch: boolean,
  checkerFor: CheckerFor,
  metrics: DoorMetrics,
): Promise<Answer> {
  const checker = await checkerFor('check')
  const body = fieldsOf(await readBody(request, EVALUATIONS_BYTES_MAX), '')
  const { evaluations } = body
  // Without evaluations of its own a batch is the one that its defaults describe.
  if (!isBatch || evaluations === undefined || (Array.isArray(evaluations) && evaluations.length === 0)) {
    return { status: 200, body: await evaluate(checker, body, metrics) }
  }
  if (!Array.isArray(evaluations) || evaluations.length > EVALUATIONS_MAX)
    refuse([{ path: '/evaluations', message: `must be a list of at most ${EVALUATIONS_MAX}` }])
  const { evaluations_semantic: semantic = 'execute_all' } = fieldsOf(body.options, '/options')
  const isLast = Object.hasOwn(SEMANTICS, String(semantic)) ? SEMANTICS[String(semantic)] : undefined
  if (!isLast)
    refuse([
      { path: '/options/evaluations_semantic', message: `must be ${Object.keys(SEMANTICS).join(', ')}` },
    ])
  const { subject, action, resource, context } = body
  const answers: Evaluated[] = []
  for (const one of evaluations) {
    const answered = await evaluateOne(checker, { subject, action, resource, context }, one, metrics)
    answers.push(answered)
    if (isLast(answered)) break
  }
  return { status: 200, body: { evaluations: answers } }
}

async function evaluate(
  checker: Checker,
  evaluation: Readonly<Record<string, unknown>>,
  metrics: DoorMetrics,
): Promise<Evaluated> {
  const decision = await checker.check(askedByAuthzen(evaluation))
  metrics.answered(DOOR, decision.decision)
  return evaluated(decision)
}

/** What is amiss with one evaluation is its own answer, and no fault of the others. */
async function evaluateOne(
  checker: Checker,
  defaults: Readonly<Record<string, unknown>>,
  one: unknown,
  metrics: DoorMetrics,
): Promise<Evaluated> {
  try {
    return await evaluate(checker, { ...defaults, ...fieldsOf(one, '') }, metrics)
  } catch (thrown) {
    const { code, message } = asAforoError(thrown)
    if (code !== 'invalid_argument' && code !== 'conflict') throw thrown
    metrics.answered(DOOR, code)
    return { decision: false, context: { reason: code, error: { status: 400, message } } }
  }
}

/** Needs no key: it tells where to ask, by the name under which it was asked itself. */
function configuration({ headers }: IncomingMessage): Answer {
  const { host = '' } = headers
  if (!HOST.test(host)) throw new AforoError('invalid_argument', 'the Host header is no host')
  const point = `${headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'}://${host}`
  return {
    status: 200,
    body: {
      policy_decision_point: point,
      access_evaluation_endpoint: point + EVALUATION,
      access_evaluations_endpoint: point + EVALUATIONS,
    },
  }
}

/** Goes back as it came, so that both sides log the same. */
function requestId({ headers }: IncomingMessage): Record<string, string> {
  const id = headers['x-request-id']
  return typeof id === 'string' && id.length <= REQUEST_ID_CHARS_MAX ? { 'x-request-id': id } : {}
}
