import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { Client, credentials } from '@grpc/grpc-js'
import { genAiBatch } from './batches.ts'
import { median, ratio } from './median.ts'
import { EXPORT_PATH, SERVERS, type ServerName } from './receiver-servers.ts'

/*
 * From the first byte of a request to its acknowledgement, without storage: our servers against the usual ones. Each
 * server is a process of its own; they take turns within each round under the same load of 512-span batches over
 * eight connections. A figure is CPU time of the server alone, the ratio the median over the rounds.
 */
const WARM_UP_ROUNDS = 3
const ROUNDS = 5
const SPANS = 512
const BODIES = 16
const REQUESTS = { plain: 240, contents: 80 } as const
const CONNECTIONS = 8

type Payload = keyof typeof REQUESTS
type Send = (body: Buffer) => Promise<void>

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
  const sender = SERVERS[name].protocol === 'http' ? httpSender(port) : grpcSender(port)
  const close = () => {
    sender.close()
    child.disconnect()
  }
  return { name, child, send: sender.send, close }
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

function httpSender(port: number): { send: Send; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const send: Send = (body) =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length }
      const options = { agent, host: '127.0.0.1', port, path: '/v1/traces', method: 'POST', headers }
      const sending = request(options, (response) => {
        if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`))
        response.resume().on('end', resolve)
      })
      sending.on('error', reject)
      sending.end(body)
    })
  return { send, close: () => agent.destroy() }
}

function grpcSender(port: number): { send: Send; close(): void } {
  // Channels with equal options share a connection; exporters do not.
  const clients = Array.from(
    { length: CONNECTIONS },
    (_, i) => new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'aforo.connection': i }),
  )
  const asIs = (bytes: Buffer) => bytes
  let turn = 0
  const send: Send = (body) =>
    new Promise((resolve, reject) => {
      const client = clients[turn++ % CONNECTIONS]!
      client.makeUnaryRequest(EXPORT_PATH, asIs, asIs, body, (error) => (error ? reject(error) : resolve()))
    })
  const close = () => {
    for (const client of clients) client.close()
  }
  return { send, close }
}

function print(): void {
  console.log(
    `receiver · accept to ack without storage · ${SPANS}-span batches · Node ${process.versions.node} · ` +
      `server CPU per span, median of ${ROUNDS} rounds`,
  )
  for (const payload of PAYLOADS) {
    console.log(`  ${payload === 'plain' ? 'without message contents' : 'with message contents'}`)
    for (const name of NAMES) {
      const reference = GOALS.find(([above]) => above.startsWith(name.slice(0, 5)))![0]
      const times = ratio(costsOf(reference, payload), costsOf(name, payload))
      const cost = median(costsOf(name, payload)).toFixed(0).padStart(7)
      console.log(`    ${name.padEnd(34)}${cost} ns  ${times.toFixed(1).padStart(5)}×`)
    }
  }
  for (const [reference, ours, goal] of GOALS) {
    const times = PAYLOADS.map((payload) => ratio(costsOf(reference, payload), costsOf(ours, payload)))
    const told = times.map((value) => `${value.toFixed(1)}×`).join(' and ')
    console.log(`  ${ours} against ${reference}: ${told} (goal ≥ ${goal}×)`)
  }
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
