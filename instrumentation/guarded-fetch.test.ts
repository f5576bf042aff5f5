import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { GuardedCall, OpenCall } from './guard.ts'
import { estimateOfBody, guardedFetch } from './guarded-fetch.ts'

test.each([
  ['OpenAI chat', { model: 'gpt-5', max_completion_tokens: 300 }, '300'],
  ['OpenAI responses', { model: 'gpt-5', max_output_tokens: 300 }, '300'],
  ['Anthropic', { model: 'claude-sonnet-5', max_tokens: 300 }, '300'],
  ['Google', { generationConfig: { maxOutputTokens: 300 } }, '300'],
  ['OpenAI for several answers', { model: 'gpt-5', max_tokens: 300, n: 4 }, '1200'],
  ['Google for several answers', { generationConfig: { maxOutputTokens: 300, candidateCount: 2 } }, '600'],
  ['a number of answers that is none', { model: 'gpt-5', max_tokens: 300, n: -1 }, '300'],
  ['no limit', { model: 'gpt-5' }, undefined],
  ['a limit that is none', { model: 'gpt-5', max_tokens: 'many' }, undefined],
])('the limits of a request are read as %s spells them', (_who, body, most) => {
  const found = estimateOfBody(body, 101)!
  expect(found.estimate).toEqual({ input_tokens: '51', ...(most && { max_output_tokens: most }) })
  expect(found.model).toBe('model' in body ? body.model : undefined)
})

test('a body that is no object says nothing', () => {
  expect(estimateOfBody('text', 4)).toBeUndefined()
  expect(estimateOfBody(null, 4)).toBeUndefined()
})

/** A guard that lets all through, and what it was asked and told. */
function openGuard() {
  const asked: GuardedCall[] = []
  const stop = new AbortController()
  const guard = {
    asked,
    stop,
    over: 0,
    async open(of: GuardedCall): Promise<OpenCall> {
      asked.push(of)
      return { signal: stop.signal, inside: (run) => run(), over: () => void guard.over++ }
    },
  }
  return guard
}

test('a request that comes as one object is held for, and its own signal aborts it, as a denial does', async () => {
  const guard = openGuard()
  const seen: { signal: AbortSignal; body: string }[] = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    seen.push({ signal: init!.signal!, body: await (input as Request).text() })
    return new Response('answer')
  }
  const own = new AbortController()
  const body = JSON.stringify({ model: 'gpt-5', max_tokens: 300 })
  const request = new Request('http://127.0.0.1:9/', { method: 'POST', body, signal: own.signal })
  await (await guardedFetch({ guard, fetch })(request)).text()
  expect(guard.asked).toEqual([
    {
      model: 'gpt-5',
      estimate: { input_tokens: String(Math.ceil(body.length / 2)), max_output_tokens: '300' },
    },
  ])
  expect(seen[0]!.body).toBe(body)
  expect(seen[0]!.signal.aborted).toBe(false)
  own.abort()
  expect(seen[0]!.signal.aborted).toBe(true)
})

test('an answer that nobody reads is over once it is dropped', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const guard = openGuard()
  let cancelled = 0
  const fetch = async () => new Response(new ReadableStream({ cancel: () => void cancelled++ }))
  const ask = async () => (await guardedFetch({ guard, fetch })('http://127.0.0.1:9/')).status
  for (let i = 0; i < 5; i++) expect(await ask()).toBe(200)
  for (let i = 0; guard.over < 5 && i < 100; i++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(guard.over).toBe(5)
  expect(cancelled).toBe(5)
})
