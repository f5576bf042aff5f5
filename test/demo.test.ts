import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { TURNS } from '../cmd/demo/served-turns.ts'
import { Decimal, decimalText } from '../core/money.ts'

const DEMO = fileURLToPath(new URL('../cmd/demo/demo.ts', import.meta.url))
/** The demo promises 30 s on a machine of its own; beside other tests it may take longer. */
const DEMO_MS = 60_000

/** Prices of a demo plan: tokens per million, reasoning steps and tool calls per one. */
interface Prices {
  readonly input: string
  readonly output: string
  readonly step: string
  readonly tool: string
}

const README: Prices = { input: '3', output: '15', step: '0.006', tool: '0.002' }
const DEARER: Prices = { input: '4.5', output: '31.7', step: '0', tool: '0.1234' }

/** Where the demo makes its temporary directories; it must leave it empty. */
let workplace: string

beforeEach(async () => {
  workplace = await mkdtemp(join(tmpdir(), 'aforo-demo-test-'))
  await chmod(workplace, 0o755)
  onTestFinished(() => rm(workplace, { recursive: true, force: true }))
})

test.each([
  ['its own plan', README, false],
  ['another plan', DEARER, true],
])(
  'prints what the API says of the agent under %s, and leaves nothing',
  { timeout: DEMO_MS },
  async (...row) => {
    const [, prices, passed] = row
    const { code, stdout, stderr } = await ended(await startDemo(passed ? prices : null))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })

    const event = JSON.parse(stdout.trim().split('\n').at(-1)!)
    const { lines, price, cogs } = bill(prices)
    expect(event).toMatchObject({
      session: 'session_4f2a',
      customer: 'acme',
      status: 'rated',
      model_calls: 7,
      tool_calls: 3,
      reasoning_steps: 7,
      price: decimalText(price),
      cogs: decimalText(cogs),
      margin: decimalText(price.minus(cogs)),
    })
    expect(stdout).toMatch(new RegExp(`01 +PROMPT .* 1,842 tk +\\${dollars(lines.prompt)}$`, 'm'))
    expect(stdout).toMatch(new RegExp(`02 +REASON .* 7 steps +\\${dollars(lines.reasoning)}$`, 'm'))
    expect(stdout).toMatch(
      new RegExp(
        `03 +TOOL +db\\.query\\(\\), api\\.fetch\\(\\), cache\\.get\\(\\) +3 calls +\\${dollars(lines.tools)}$`,
        'm',
      ),
    )
    expect(stdout).toMatch(new RegExp(`04 +OUTPUT .* 623 tk +\\${dollars(lines.output)}$`, 'm'))
    expect(stdout).toMatch(new RegExp(`Σ +BILLED .* 2,465 tk +\\${dollars(price)}$`, 'm'))
    expect(stdout).toContain(`COGS ${dollars(cogs)} · Net ${dollars(price.minus(cogs))}`)
    expect(stdout).toContain(`price ${decimalText(price)} - COGS ${decimalText(cogs)}`)
    expect(stdout).toMatch(/^.*claude-sonnet-4-6.*$/m)
    expect(stdout).toMatch(/^Credit ledger .*\n(.*\n)*issued → grant:\d+ +100 +100$/m)
    expect(stdout).toContain('{"decision":"deny","reason":"budget_exhausted","budget":"per-session"')
    expect(await readdir(workplace)).toEqual([])
  },
)

test('a plan that Aforo refuses ends it with code 1 and the reason', { timeout: DEMO_MS }, async () => {
  const { code, stderr } = await ended(await startDemo({ ...README, input: '-1' }))
  expect(code).toBe(1)
  expect(stderr).toMatch(/^demo: PUT \/v1\/plans\/demo: 400 .*unit_price/)
  expect(await readdir(workplace)).toEqual([])
})

test('an interrupt stops and removes what it had started', { timeout: DEMO_MS }, async () => {
  const demo = await startDemo(null)
  const over = ended(demo)
  await expect.poll(() => readdir(workplace), { timeout: DEMO_MS }).not.toEqual([])
  demo.kill('SIGINT')
  const { code, stderr } = await over
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'demo: stopped by SIGINT\n' })
  expect(await readdir(workplace)).toEqual([])
})

/** What the served usage comes to, computed here and not by Aforo. */
function bill(prices: Prices) {
  const sum = (of: 'inputTokens' | 'outputTokens') => TURNS.reduce((total, turn) => total + turn[of], 0)
  const perMillion = (tokens: number, price: string) => new Decimal(price).mul(tokens).div(1_000_000)
  const steps = TURNS.length
  const calls = TURNS.filter((turn) => turn.toolUse).length
  const lines = {
    prompt: perMillion(sum('inputTokens'), prices.input),
    reasoning: new Decimal(prices.step).mul(steps),
    tools: new Decimal(prices.tool).mul(calls),
    output: perMillion(sum('outputTokens'), prices.output),
  }
  const price = lines.prompt.plus(lines.reasoning).plus(lines.tools).plus(lines.output)
  const cogs = perMillion(sum('inputTokens'), '3')
    .plus(perMillion(sum('outputTokens'), '15'))
    .plus(new Decimal('0.0023').mul(calls))
  return { lines, price, cogs }
}

function dollars(amount: Decimal): string {
  return `$${amount.toFixed(3, Decimal.ROUND_HALF_UP)}`
}

/** Null: the plan the demo brings along. */
async function startDemo(prices: Prices | null): Promise<ChildProcess> {
  const args = [DEMO, '--json']
  if (prices) args.push('--plan', await writePlan(prices))
  return spawn(process.execPath, args, {
    env: { ...process.env, TMPDIR: workplace },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function writePlan(prices: Prices): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'aforo-demo-plan-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const perUnit = { model: 'per_unit', per: '1' }
  const meters = [
    { ...perUnit, meter: 'input_tokens', unit_price: prices.input, per: '1000000' },
    { ...perUnit, meter: 'output_tokens', unit_price: prices.output, per: '1000000' },
    { ...perUnit, meter: 'reasoning_steps', unit_price: prices.step },
    { ...perUnit, meter: 'tool_calls', unit_price: prices.tool },
  ]
  const file = join(directory, 'plan.json')
  await writeFile(file, JSON.stringify({ currency: 'USD', meters }))
  return file
}

function ended(demo: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = ''
  let stderr = ''
  demo.stdout!.on('data', (chunk: Buffer) => {
    stdout += chunk
  })
  demo.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  return new Promise((resolve, reject) => {
    demo.once('error', reject)
    demo.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
