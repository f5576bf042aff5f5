import { Metadata } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { createKey } from '../../../schema/keys.ts'
import { EVALUATIONS_MAX } from '../../../sidecar/doors/authzen.ts'
import { DESCRIPTORS_MAX, ENTRIES_MAX } from '../../../sidecar/doors/envoy/rate-limit.ts'
import { GRPC_BYTES_MAX, GRPC_CONNECTIONS_MAX } from '../../../sidecar/doors/envoy/server.ts'
import { KEPT_BYTES_MAX } from '../../../sidecar/doors/kept-fields.ts'
import { GUARDRAIL_BYTES_MAX } from '../../../sidecar/doors/litellm.ts'
import { type EnvoyClient, envoyClient, type Told } from '../../support/envoy-proto.ts'
import { recipe, recipeNames, recipePage } from '../../support/recipes.ts'
import { type CheckWorld, putBudget, startWorld, until, use } from '../start.ts'

/** Recipes whose programs are not here: the test does what the program does by its configuration. */
let world: CheckWorld
let envoy: EnvoyClient
let key: string

beforeAll(async () => {
  world = await startWorld()
  const { pool } = world.database
  envoy = envoyClient(world.running.grpcPort!)
  await putBudget(pool, 'bot', { scope: { product: 'support-bot' }, unit: 'model_calls', limit: '5' })
  key = (await createKey(pool, { tenantId: 'default', role: 'check' })).secret
  await until(async () => (await world.check({ customer: 'acme' })).status === 401)
})
afterAll(async () => {
  envoy.close()
  await world.stop()
})

// biome-ignore lint/suspicious/noExplicitAny: configurations of other programs, as deep as they are.
const configured = (name: string): any => parse(recipe(name, { check: world.running.port, key }))
const metadataOf = (list: { key: string; value: string }[]) => {
  const metadata = new Metadata()
  for (const { key: name, value } of list) metadata.set(name, value)
  return metadata
}

/** What the client sent, by the time it is asked about: verified and set by what stands before. */
const VERIFIED: Record<string, string> = { 'x-aforo-customer': 'acme', authorization: 'Bearer of-the-app' }

test('Traefik sends what it lists, and passes on what it is told', async () => {
  const { middlewares } = configured('traefik').http
  const { address, authRequestHeaders, authResponseHeadersRegex } = middlewares.aforo.forwardAuth
  const set = middlewares['aforo-strip'].headers.customRequestHeaders
  const sent = new Headers({ ...VERIFIED, 'x-aforo-session': 'of the client' })
  for (const [name, value] of Object.entries<string>(set)) sent.set(name, value)
  const asked = new Headers({ 'x-forwarded-uri': '/v1/chat', 'x-forwarded-method': 'POST' })
  for (const name of authRequestHeaders) if (sent.get(name)) asked.set(name, sent.get(name)!)
  const response = await fetch(address, { headers: asked })
  expect(response.status).toBe(200)
  const passed = [...response.headers].filter(([name]) =>
    new RegExp(authResponseHeadersRegex, 'i').test(name),
  )
  expect(Object.fromEntries(passed)).toMatchObject({ 'x-aforo-customer': 'acme', 'x-aforo-budget': 'bot' })
  expect(middlewares['aforo-key-off'].headers.customRequestHeaders).toEqual({ 'X-Aforo-Key': '' })
})

test('Envoy over HTTP appends the path and adds its headers', async () => {
  const { http_service, allowed_headers } = configured('envoy-http').typed_config
  const { path_prefix, server_uri, authorization_request } = http_service
  const asked = new Headers({ authorization: VERIFIED.authorization! })
  for (const { exact } of allowed_headers.patterns) asked.set(exact, VERIFIED[exact]!)
  for (const { key: name, value } of authorization_request.headers_to_add) asked.set(name, value)
  const ask = () =>
    fetch(`${server_uri.uri}${path_prefix}/v1/chat?customer=another`, { method: 'PUT', headers: asked })
  const response = await ask()
  expect(response.status).toBe(200)
  expect(response.headers.get('x-aforo-customer')).toBe('acme')
  expect(response.headers.get('ratelimit')).toBe('"bot";r=5')
})

describe('Envoy over gRPC', () => {
  test('tells the route in context extensions and the key in metadata', async () => {
    const { http_filters, route } = configured('envoy-grpc')
    const [mutation, authz] = http_filters
    const removed = mutation.typed_config.mutations.request_mutations.map(({ remove }: Told) => remove)
    expect(removed).toEqual(['x-aforo-customer', 'x-aforo-key'])
    const { grpc_service, allowed_headers } = authz.typed_config
    const headers = Object.fromEntries(
      allowed_headers.patterns.map(({ exact }: Told) => [exact, VERIFIED[exact]]),
    )
    const { check_settings } = route.typed_per_filter_config['envoy.filters.http.ext_authz']
    const { context_extensions } = check_settings
    const message = { attributes: { request: { http: { path: '/v1/chat', headers } }, context_extensions } }
    const told = await envoy.call('check', message, metadataOf(grpc_service.initial_metadata))
    expect(told.dynamic_metadata.fields['x-aforo-budget']).toEqual({ string_value: 'bot' })
    expect((await envoy.call('check', message)).denied_response.status.code).toBe(401)
  })

  test('holds by one rate limit and settles by the other', async () => {
    await putBudget(world.database.pool, 'gateway', { scope: {}, unit: 'tokens', limit: '20000' })
    const { http_filters, route } = configured('envoy-rate-limit')
    const { domain, rate_limit_service } = http_filters[0].typed_config
    const metadata = metadataOf(rate_limit_service.grpc_service.initial_metadata)
    const request: Record<string, string> = { ...VERIFIED, 'x-ai-eg-model': 'claude-sonnet-4-6' }
    const [before, after] = route.rate_limits
    const entriesOf = ({ actions }: Told) =>
      actions.map(({ request_headers, generic_key }: Told) =>
        request_headers
          ? { key: request_headers.descriptor_key, value: request[request_headers.header_name] }
          : { key: generic_key.descriptor_key, value: generic_key.descriptor_value },
      )
    const limit = (hits: number, one: Told) =>
      envoy.call(
        'shouldRateLimit',
        { domain, descriptors: [{ entries: entriesOf(one), hits_addend: { value: hits } }] },
        metadata,
      )
    const first = await limit(1, before)
    expect(first.overall_code).toBe('OK')
    for (const { key: name, value } of first.request_headers_to_add) request[name] = value
    expect((await limit(1, before)).overall_code).toBe('OVER_LIMIT')
    expect(after.apply_on_stream_done).toBe(true)
    expect((await limit(900, after)).overall_code).toBe('OK')
    expect((await limit(1, before)).overall_code).toBe('OK')
  })
})

test('AuthZEN is asked and answers as it is written', async () => {
  const [head, body, answer] = recipe('authzen').split('\n\n')
  const [method, path] = head!.split(' ')
  expect(method).toBe('POST')
  const told = await world.post(path!, body!, { authorization: `Bearer ${key}` })
  expect(told).toMatchObject({ status: 200, body: JSON.parse(answer!) })
})

test('who has used up his budget is denied by every recipe alike', async () => {
  await use(world.database.pool, 'bot', [], '5')
  const ask = { headers: { 'x-aforo-key': key, 'x-aforo-customer': 'acme' } }
  const url = `${world.url}/v1/authz?product=support-bot&deny=429`
  await until(async () => (await fetch(url, ask)).status === 429)
  const http = configured('envoy-http').typed_config.http_service
  const added = Object.fromEntries(
    http.authorization_request.headers_to_add.map(({ key: name, value }: Told) => [name, value]),
  )
  const response = await fetch(`${world.url}/v1/authz/v1/chat`, {
    headers: { ...added, 'x-aforo-customer': 'acme' },
  })
  expect(response.status).toBe(429)
})

test('the page marks what is run, and tells the bounds as they are', () => {
  expect(recipeNames().sort()).toEqual(
    [
      'Caddyfile',
      'authzen',
      'envoy-grpc',
      'envoy-http',
      'envoy-rate-limit',
      'litellm.yaml',
      'nginx.conf',
      'traefik',
    ].sort(),
  )
  const page = recipePage()
  expect(GRPC_BYTES_MAX).toBe(1_048_576)
  expect(GUARDRAIL_BYTES_MAX).toBe(64 * 1_048_576)
  expect(KEPT_BYTES_MAX).toBe(65_536)
  expect(page).toContain(`${DESCRIPTORS_MAX} descriptors of ${ENTRIES_MAX} entries`)
  expect(page).toContain(`${GRPC_CONNECTIONS_MAX.toLocaleString('en')} connections`)
  expect(page).toContain(`up to ${EVALUATIONS_MAX} with common defaults`)
  // What is not run is YAML all the same.
  for (const [, block] of page.matchAll(/```yaml\n([\s\S]*?)```/g)) {
    for (const document of block!.split('\n---\n')) expect(() => parse(document)).not.toThrow()
  }
})
