/**
 * `npm run test:clients [-- name…]`: real clients under real instrumentations call a provider on loopback and export to a
 * running Aforo; what was billed is held against what was served, call by call. Exits 1 where a client comes out worse
 * than its spans allow. Installs what its lock files name, so it needs the registries of Node and Python once.
 */
import { openPool } from '../../schema/pool.ts'
import { runAforo } from '../e2e/process.ts'
import { administer, databaseUrl, openTestServer } from '../support/server.ts'
import { readBill, settled } from './billed.ts'
import { CLIENTS, type Client } from './clients.ts'
import { install, type Runtime, runtimeOf } from './install.ts'
import { runProgram, versionsOf } from './program.ts'
import type { Served } from './provider/ledger.ts'
import { type Provider, startProvider } from './provider/server.ts'
import { isFault, type Outcome, table } from './table.ts'
import { type Expected, judge } from './verdict.ts'

const DATABASE = `aforo_clients_${process.pid}`
/** Traces without a root that ended are cut when they were idle. */
const CUT = { AFORO_CUT_QUIET_MS: '500', AFORO_CUT_IDLE_MS: '1000' }
const AT_ONCE = 2

const wanted = process.argv.slice(2)
const clients = CLIENTS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))
if (clients.length < wanted.length || clients.length === 0) {
  process.stderr.write(`known clients: ${CLIENTS.map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}
const outcomes = await runAll(clients, await install(clients))
process.stdout.write(`\n${table(outcomes)}`)
process.exit(outcomes.some(isFault) ? 1 : 0)

async function runAll(
  clients: readonly Client[],
  runtimes: ReadonlyMap<string, Runtime>,
): Promise<Outcome[]> {
  const server = await openTestServer()
  const { adminUrl, template } = server.address
  await administer(adminUrl, (client) => client.query(`create database ${DATABASE} template ${template}`))
  try {
    return await runOver(databaseUrl(adminUrl, DATABASE), clients, runtimes)
  } finally {
    await administer(adminUrl, (client) => client.query(`drop database ${DATABASE} with (force)`))
    await server.close()
  }
}

async function runOver(
  url: string,
  clients: readonly Client[],
  runtimes: ReadonlyMap<string, Runtime>,
): Promise<Outcome[]> {
  const aforo = await runAforo('serve', { DATABASE_URL: url, ...CUT })
  const provider = await startProvider()
  const pool = openPool(url, { max: 2 })
  try {
    const otlpUrl = `http://127.0.0.1:${aforo.ports.otlp_http}`
    const failures = await runPrograms(clients, runtimes, provider, otlpUrl)
    await settled(pool)
    const outcomes: Outcome[] = []
    for (const client of clients) {
      const served = provider.ledger.of(client.name)
      const bill = await readBill(pool, aforo.ports.api!, client.name)
      const failure = failures.get(client)
      outcomes.push({
        client,
        versions: versionsOf(client),
        judgement: failure === undefined ? judge(served, bill.calls, bill, expectedOf(client)) : null,
        ...(failure !== undefined && { reason: failure }),
        exercised: {
          streams: served.filter(({ isStream }) => isStream).length,
          tools: bill.tools,
          turnedAway: provider.ledger.turnedAway(client.name),
          sessions: bill.sessions.length,
          cutOff: served.filter(({ isCutOff }) => isCutOff).length,
        },
        served: { calls: served.length, ...tokens(served) },
        billed: { calls: bill.calls.length, input: bill.input, output: bill.output },
        spans: bill.spans,
      })
    }
    return outcomes
  } finally {
    await pool.end()
    await provider.close()
    await aforo.end('SIGTERM')
  }
}

/** Runs every program to its end, a few at once; why those failed that did. */
async function runPrograms(
  clients: readonly Client[],
  runtimes: ReadonlyMap<string, Runtime>,
  provider: Provider,
  otlpUrl: string,
): Promise<ReadonlyMap<Client, string>> {
  const failures = new Map<Client, string>()
  const waiting = [...clients]
  const work = async () => {
    for (let client = waiting.shift(); client !== undefined; client = waiting.shift()) {
      const runtime = runtimes.get(runtimeOf(client))!
      process.stdout.write(`running ${client.name}\n`)
      const surroundings = { providerUrl: provider.baseUrl(client.name), otlpUrl }
      const failure = 'missing' in runtime ? runtime.missing : await runProgram(runtime, client, surroundings)
      if (failure !== null) failures.set(client, failure)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return failures
}

function expectedOf({ tools, sessions = 0, unsaidRefusals = 0, untoldCutOffs = 0 }: Client): Expected {
  return { tools: tools === true, sessions, unsaidRefusals, untoldCutOffs }
}

function tokens(served: readonly Served[]): { input: number; output: number } {
  return {
    input: served.reduce((sum, call) => sum + call.input, 0),
    output: served.reduce((sum, call) => sum + call.output, 0),
  }
}
