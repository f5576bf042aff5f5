import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { genAiBatch } from './batches.ts'
import { median, ratio, ratios } from './median.ts'
import { CONNECTIONS, type Send, sendersTo } from './receiver-senders.ts'
import { SERVERS, type ServerName } from './receiver-servers.ts'

/*
 * From the first byte of a request to its acknowledgement, without storage: our servers against the usual ones. Each
 * server is a process of its own; they take turns within each round under the same load of 512-span batches over
 * eight connections. A figure is CPU time of the server alone, the ratio the median over the rounds, with the smallest and
 * the largest. All rounds of warming up come first, so that no figure holds V8's compiling.
 *
 * A process of express with protobufjs settles on one of two costs, seldom on twice the other: run this more than once,
 * and believe the smaller ratio.
 */
const WARM_UP_ROUNDS = 6
const ROUNDS = 7
const SPANS = 512
const BODIES = 16
const REQUESTS = { plain: 240, contents: 80 } as const

type Payload = keyof typeof REQUESTS

const PAYLOADS = Object.keys(REQUESTS) as Payload[]
const NAMES = Object.keys(SERVERS) as ServerName[]
const GOALS: readonly [ServerName, ServerName, number][] = [
  ['http: express 5, protobufjs 8', 'http: Aforo, spans decoded', 8],
  ['grpc: grpc-js, protobufjs 8', 'grpc: Aforo, spans decoded', 5],
]

const bodies: Record<Payload, Buffer[]> = { plain: build(false), contents: build(true) }
const results = new Map<string, number[]>()
const servers = await Promise.all(NAMES.map(open))
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
  for (const payload of PAYLOADS) {
    for (const server of servers) {
      const cost = await load(server, payload)
      if (round >= WARM_UP_ROUNDS) costsOf(server.name, payload).push(cost)
    }
  }
}
for (const server of servers) server.close()
print()

interface RunningServer {
  readonly name: ServerName
  readonly child: ChildProcess
  readonly send: Send
  close(): void
}

async function open(name: ServerName): Promise<RunningServer> {
  const stdio: ('ignore' | 'inherit' | 'ipc')[] = ['ignore', 'inherit', 'inherit', 'ipc']
  const child = fork(new URL('./receiver-child.ts', import.meta.url), [name], { stdio })
  const [port] = await once(child, 'message')
  const senders = sendersTo(SERVERS[name].protocol, port)
  const close = () => {
    senders.close()
    child.disconnect()
  }
  return { name, child, send: senders.send, close }
}

/** Nanoseconds of the server's CPU per span of one round. */
async function load(server: RunningServer, payload: Payload): Promise<number> {
  const before = await cpuMicros(server.child)
  const total = REQUESTS[payload]
  let sent = 0
  const connection = async () => {
    while (sent < total) await server.send(bodies[payload][sent++ % BODIES]!)
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, connection))
  return (((await cpuMicros(server.child)) - before) * 1_000) / (total * SPANS)
}

async function cpuMicros(child: ChildProcess): Promise<number> {
  child.send('cpu')
  const [micros] = await once(child, 'message')
  return micros as number
}

function print(): void {
  const versions = ['express', '@grpc/grpc-js', 'protobufjs'].map((name) => `${name} ${versionOf(name)}`)
  console.log(
    `receiver · accept to ack without storage · Node ${process.versions.node} · ${versions.join(' · ')} · ` +
      `server CPU per span, median of ${ROUNDS} rounds, ratio with least and most`,
  )
  for (const payload of PAYLOADS) {
    const bytes = Math.round(bodies[payload].reduce((sum, { length }) => sum + length, 0) / BODIES)
    const contents = payload === 'plain' ? 'without message contents' : 'with message contents'
    console.log(
      `  ${contents}: ${SPANS} spans in ${bytes} bytes, ${BODIES} bodies, ${CONNECTIONS} connections`,
    )
    for (const name of NAMES) {
      const cost = median(costsOf(name, payload)).toFixed(0).padStart(7)
      console.log(`    ${name.padEnd(34)}${cost} ns  ${timesOf(name, payload)}`)
    }
  }
  for (const [reference, ours, goal] of GOALS) {
    const times = PAYLOADS.map((payload) => ratio(costsOf(reference, payload), costsOf(ours, payload)))
    const told = times.map((value) => `${value.toFixed(1)}×`).join(' and ')
    console.log(`  ${ours} against ${reference}: ${told} (goal ≥ ${goal}×)`)
  }
}

/** How many times cheaper than the usual server of its protocol. */
function timesOf(name: ServerName, payload: Payload): string {
  const reference = GOALS.find(([above]) => above.startsWith(name.slice(0, 5)))![0]
  const times = ratios(costsOf(reference, payload), costsOf(name, payload))
  const [least, most] = [Math.min(...times), Math.max(...times)].map((value) => value.toFixed(1))
  return `${median(times).toFixed(1).padStart(5)}× (${least}–${most})`
}

function versionOf(name: string): string {
  const path = createRequire(import.meta.url).resolve(`${name}/package.json`)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

function costsOf(name: ServerName, payload: Payload): number[] {
  const key = `${name}/${payload}`
  const costs = results.get(key) ?? []
  results.set(key, costs)
  return costs
}

function build(contents: boolean): Buffer[] {
  return Array.from({ length: BODIES }, (_, seed) =>
    Buffer.from(genAiBatch({ spans: SPANS, contents, seed })),
  )
}
