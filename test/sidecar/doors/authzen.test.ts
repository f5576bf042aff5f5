import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EVALUATIONS_BYTES_MAX, EVALUATIONS_MAX } from '../../../sidecar/doors/authzen.ts'
import { type CheckWorld, putBudget, startWorld, until, use } from '../start.ts'

let world: CheckWorld

beforeAll(async () => {
  world = await startWorld()
  const { pool } = world.database
  await putBudget(pool, 'calls', { scope: { session: '*' }, unit: 'model_calls', limit: '3' })
  await putBudget(pool, 'writer', { scope: { agent: 'writer' }, unit: 'tokens', limit: '100' })
  await world.check({ customer: 'acme', session: 'spent' })
  await use(pool, 'calls', ['spent'], '3')
  await until(
    async () => (await world.check({ customer: 'acme', session: 'spent' })).body.decision === 'deny',
  )
})
afterAll(() => world.stop())

const ACME = { type: 'customer', id: 'acme' }
const MODEL = { type: 'model', id: 'claude-sonnet-4-6' }
const CALL = { name: 'call' }
const one = (more: object = {}) => ({ subject: ACME, action: CALL, resource: MODEL, ...more })
const evaluate = (body: unknown) => world.post('/access/v1/evaluation', body)
const evaluateAll = (body: unknown) => world.post('/access/v1/evaluations', body)

describe('an evaluation', () => {
  test('is true where the call may run, and says why', async () => {
    const { status, body } = await evaluate(one({ context: { session: 's1', ip: '10.0.0.1' } }))
    expect(status).toBe(200)
    expect(body.decision).toBe(true)
    expect(body.context).toMatchObject({
      verdict: 'allow',
      reason: 'within_budget',
      budget: 'calls',
      remaining: '3',
      unit: 'model_calls',
    })
  })

  test('is false, with 200, where it may not', async () => {
    expect(await evaluate(one({ context: { session: 'spent' } }))).toMatchObject({
      status: 200,
      body: { decision: false, context: { reason: 'budget_exhausted', budget: 'calls' } },
    })
    const stranger = { type: 'user', id: 'stranger' }
    expect(await evaluate(one({ subject: stranger }))).toMatchObject({
      status: 200,
      body: { decision: false, context: { reason: 'unknown_customer' } },
    })
  })

  test('may be about an agent or a session of a customer, and hold', async () => {
    const agent = { type: 'agent', id: 'writer', properties: { customer: 'acme' } }
    const estimate = { input_tokens: '30', max_output_tokens: '30' }
    const action = { name: 'call', properties: { reserve: true, estimate } }
    const held = await evaluate(one({ subject: agent, action }))
    expect(held.body).toMatchObject({ decision: true, context: { remaining: '40', budget: 'writer' } })
    expect((await evaluate(one({ subject: agent, action }))).body.decision).toBe(false)
    expect(await world.post(`/v1/holds/${held.body.context.hold_id}/release`)).toMatchObject({ status: 200 })
    const session = { type: 'session', id: 'spent' }
    expect((await evaluate(one({ subject: session, context: { customer: 'acme' } }))).body.decision).toBe(
      false,
    )
  })

  test.each([
    ['no subject', one({ subject: undefined }), '/subject/id'],
    ['a subject without a type', one({ subject: { id: 'acme' } }), '/subject/type'],
    ['no action', one({ action: null }), '/action/name'],
    ['a resource that is a list', one({ resource: [] }), '/resource'],
    ['a name too long', one({ subject: { type: 'customer', id: 'x'.repeat(257) } }), '/customer'],
    ['a session that is a number', one({ context: { session: 7 } }), '/session'],
  ])('%s is told', async (_, body, path) => {
    expect(await evaluate(body)).toMatchObject({ status: 400, body: { faults: [{ path }] } })
  })

  test('goes back with the id of its request', async () => {
    const response = await fetch(`${world.url}/access/v1/evaluation`, {
      method: 'POST',
      headers: { 'x-request-id': 'r-1' },
      body: JSON.stringify(one()),
    })
    expect(response.headers.get('x-request-id')).toBe('r-1')
  })
})

describe('many evaluations', () => {
  const sessions = (...names: string[]) => names.map((session) => ({ context: { session } }))

  test('are answered in order, each with what is common to all', async () => {
    const { body } = await evaluateAll({ ...one(), evaluations: sessions('a', 'spent', 'b') })
    expect(body.evaluations.map(({ decision }: { decision: boolean }) => decision)).toEqual([
      true,
      false,
      true,
    ])
  })

  test('end at the first answer that settles it', async () => {
    const answered = async (semantic: string, ...names: string[]) => {
      const options = { evaluations_semantic: semantic }
      const { body } = await evaluateAll({ ...one(), options, evaluations: sessions(...names) })
      return body.evaluations.length
    }
    expect(await answered('deny_on_first_deny', 'a', 'spent', 'b')).toBe(2)
    expect(await answered('permit_on_first_permit', 'spent', 'a', 'b')).toBe(2)
    expect(await answered('execute_all', 'spent', 'a', 'b')).toBe(3)
  })

  test('tell what is amiss with one of them there', async () => {
    const evaluations = [{ context: { session: '' } }, 7, { context: {} }]
    const { status, body } = await evaluateAll({ ...one(), evaluations })
    expect(status).toBe(200)
    expect(body.evaluations).toMatchObject([
      { decision: false, context: { reason: 'invalid_argument', error: { status: 400 } } },
      { decision: false, context: { reason: 'invalid_argument' } },
      { decision: true },
    ])
  })

  test('may be none: then it is one', async () => {
    expect((await evaluateAll(one())).body.decision).toBe(true)
    expect((await evaluateAll({ ...one(), evaluations: [] })).body.decision).toBe(true)
  })

  test('are bounded', async () => {
    const many = Array.from({ length: EVALUATIONS_MAX }, () => ({}))
    expect((await evaluateAll({ ...one(), evaluations: many })).body.evaluations).toHaveLength(
      EVALUATIONS_MAX,
    )
    expect(await evaluateAll({ ...one(), evaluations: [...many, {}] })).toMatchObject({ status: 400 })
    expect(await evaluateAll({ ...one(), evaluations: {} })).toMatchObject({ status: 400 })
    const options = { evaluations_semantic: 'constructor' }
    expect(await evaluateAll({ ...one(), options, evaluations: many })).toMatchObject({ status: 400 })
    const large = one({ context: { ip: 'x'.repeat(EVALUATIONS_BYTES_MAX) } })
    expect(await evaluate(large)).toMatchObject({ status: 413 })
  })
})

test('tells where it is, under the name it was asked by', async () => {
  const response = await fetch(`${world.url}/.well-known/authzen-configuration`)
  expect(await response.json()).toEqual({
    policy_decision_point: world.url,
    access_evaluation_endpoint: `${world.url}/access/v1/evaluation`,
    access_evaluations_endpoint: `${world.url}/access/v1/evaluations`,
  })
})
