import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createKey } from '../../../schema/keys.ts'
import { GUARDRAIL_BYTES_MAX } from '../../../sidecar/doors/litellm.ts'
import { addCustomer, type CheckWorld, putBudget, startWorld, until } from '../start.ts'

let world: CheckWorld

beforeAll(async () => {
  world = await startWorld()
  const { pool } = world.database
  await addCustomer(pool, 'default', 'team-7')
  await putBudget(pool, 'none-of-it', { scope: { customer: 'team-7' }, limit: '0' })
  await putBudget(pool, 'no-product', { scope: { product: 'closed' }, limit: '0' })
  await putBudget(pool, 'no-session', { scope: { session: 'closed' }, limit: '0' })
})
afterAll(() => world.stop())

const PATH = '/beta/litellm_basic_guardrail_api'
/** As LiteLLM sends it. */
const asked = (request_data: object, more: object = {}) => ({
  input_type: 'request',
  litellm_call_id: 'c-1',
  texts: ['what a customer wrote'],
  structured_messages: [{ role: 'user', content: 'what a customer wrote' }],
  model: 'gpt-4o',
  request_data,
  request_headers: { authorization: '[present]', 'x-aforo-session': '[present]' },
  additional_provider_specific_params: {},
  ...more,
})
const guard = (body: object, headers?: Record<string, string>) => world.post(PATH, body, headers)
const NONE = { status: 200, body: { action: 'NONE' } }
const BLOCKED = { status: 200, body: { action: 'BLOCKED' } }

test('lets a call of a customer with room through, and blocks one without', async () => {
  expect(await guard(asked({ user_api_key_end_user_id: 'acme' }))).toEqual(NONE)
  expect((await guard(asked({ user_api_key_team_id: 'team-7' }))).body).toEqual({
    action: 'BLOCKED',
    blocked_reason: 'budget_exhausted (budget none-of-it)',
  })
})

test('looks for the customer in the order that its operator states, and in no other', async () => {
  const callers = { user_api_key_end_user_id: 'acme', user_api_key_team_id: 'team-7' }
  expect(await guard(asked(callers))).toEqual(NONE)
  const teamFirst = { 'x-aforo-customer-from': 'team_id, end_user_id' }
  expect(await guard(asked(callers), teamFirst)).toMatchObject(BLOCKED)
  const params = { additional_provider_specific_params: { customer_from: 'end_user_id', customer: 'acme' } }
  expect(await guard(asked(callers, params), teamFirst)).toMatchObject(BLOCKED)
  expect((await guard(asked(callers), { 'x-aforo-customer-from': 'email' })).body).toMatchObject({
    action: 'BLOCKED',
    blocked_reason: expect.stringContaining('x-aforo-customer-from'),
  })
})

test('blocks a call that nobody pays for', async () => {
  expect(await guard(asked({}))).toMatchObject(BLOCKED)
  expect(await guard(asked({ user_api_key_user_id: 'stranger' }))).toMatchObject({
    body: { action: 'BLOCKED', blocked_reason: 'unknown_customer' },
  })
})

test('takes the product from its configuration and the session from its client', async () => {
  const acme = { user_api_key_end_user_id: 'acme' }
  expect(await guard(asked(acme), { 'x-aforo-product': 'closed' })).toMatchObject(BLOCKED)
  const session = { request_headers: { 'x-aforo-session': 'closed' } }
  expect(await guard(asked(acme, session))).toMatchObject(BLOCKED)
})

test('says nothing of what was answered already', async () => {
  const after = asked({ user_api_key_team_id: 'team-7' }, { input_type: 'response' })
  expect(await guard(after)).toEqual(NONE)
})

test('walks over a conversation of any length, and refuses what is no JSON', async () => {
  const long = asked({ user_api_key_end_user_id: 'acme' }, { texts: ['x'.repeat(5_000_000)] })
  expect(await guard(long)).toEqual(NONE)
  expect(await world.post(PATH, '{"input_type":')).toMatchObject({ status: 400 })
  expect(await guard(asked({}, { input_type: 'other' }))).toMatchObject({ status: 400 })
  expect(await guard(asked({ large: 'x'.repeat(65_536) }))).toMatchObject({ status: 413 })
})

test('reads no further than a body may be long', async () => {
  const chunk = Buffer.alloc(1_048_576, ' ')
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const sending = request(world.url + PATH, { method: 'POST' }, (response) => {
      resolve(response.statusCode)
      sending.destroy()
    })
    sending.on('error', reject)
    let sent = 0
    const send = () => {
      if (sending.destroyed || sent > GUARDRAIL_BYTES_MAX) return
      sent += chunk.length
      sending.write(chunk, send)
    }
    send()
  })
  expect(status).toBe(413)
})

/** Last: from then on, nobody is let in without a key. */
test('reads the key where LiteLLM puts it', async () => {
  const { secret } = await createKey(world.database.pool, { tenantId: 'default', role: 'check' })
  const acme = asked({ user_api_key_end_user_id: 'acme' })
  await until(async () => (await guard(acme)).status === 401)
  expect(await guard(acme, { 'x-api-key': secret })).toEqual(NONE)
  expect(await guard(acme, { 'x-api-key': 'another' })).toMatchObject({ status: 401 })
})
