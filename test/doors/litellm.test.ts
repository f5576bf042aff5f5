import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { putBudget, until } from '../sidecar/start.ts'
import { recipe } from '../support/recipes.ts'
import {
  type Application,
  findProgram,
  freePort,
  type GuardedWorld,
  type Program,
  startApplication,
  startGuardedWorld,
  startProgram,
} from './proxied.ts'

const LITELLM = findProgram('AFORO_LITELLM', 'litellm')
if (LITELLM === null) {
  process.stderr.write(
    "no LiteLLM: set AFORO_LITELLM to run its recipe; `pip install 'litellm[proxy]'` brings one\n",
  )
}

/** As a provider answers. */
const COMPLETION = {
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hello' } }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
}

describe.skipIf(LITELLM === null)('LiteLLM as docs/RECIPES.md has it', () => {
  let world: GuardedWorld
  let provider: Application
  let proxy: Program
  let url: string

  const complete = (user?: string) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', user, messages: [{ role: 'user', content: 'hi' }] }),
    })

  beforeAll(async () => {
    world = await startGuardedWorld()
    provider = await startApplication(COMPLETION)
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    const model = { model: 'openai/m', api_base: `http://127.0.0.1:${provider.port}/v1`, api_key: 'none' }
    const models = `model_list: ${JSON.stringify([{ model_name: 'm', litellm_params: model }])}\n`
    proxy = await startProgram(
      LITELLM!,
      (folder) => {
        const text = recipe('litellm.yaml', { check: world.running.port, key: world.key })
        writeFileSync(join(folder, 'config.yaml'), text + models)
        const args = ['--config', 'config.yaml', '--host', '127.0.0.1', '--port', String(port)]
        return { args, env: { LITELLM_LOCAL_MODEL_COST_MAP: 'True', HOME: folder } }
      },
      async () => (await fetch(`${url}/health/liveliness`)).ok,
    )
  })
  afterAll(async () => {
    await proxy?.stop()
    provider?.stop()
    await world?.stop()
  })

  test('calls for a customer with room, and for nobody else', async () => {
    const response = await complete('acme')
    expect([response.status, await response.json()]).toMatchObject([200, { choices: COMPLETION.choices }])
    expect(provider.seen).toHaveLength(1)
    expect((await complete('stranger')).ok).toBe(false)
    expect((await complete()).ok).toBe(false)
    expect(provider.seen).toHaveLength(1)
  })

  test('blocks with the reason once there is no room', async () => {
    await putBudget(world.database.pool, 'closed', { scope: { product: 'support-bot' }, limit: '0' })
    await until(async () => !(await complete('acme')).ok)
    expect(await (await complete('acme')).text()).toContain('budget_exhausted (budget closed)')
  })
})
