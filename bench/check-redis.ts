import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { Redis } from 'ioredis'

const SCRIPT = `local left = tonumber(redis.call('get', KEYS[1])) - tonumber(ARGV[1])
if left < 0 then return 0 end
redis.call('set', KEYS[1], left)
return 1`
const PATHS = ['/usr/bin/redis-server', '/usr/local/bin/redis-server']
const TRIES = 100

/** A Redis with a budget in it, asked over a port and over a socket. */
export interface RunningRedis {
  readonly overPort: Redis
  readonly overSocket: Redis
  /** Over the port; the commands of one turn of the event loop leave at once. */
  readonly batched: Redis
  /** Over the port, a connection for each of so many who ask; they are opened once and kept. */
  each(count: number): Promise<readonly Redis[]>
  stop(): Promise<void>
}

/** Null where there is none on this machine. */
export async function startRedis(folder: string): Promise<RunningRedis | null> {
  const binary = PATHS.find((path) => existsSync(path))
  if (!binary) return null
  const port = 20_000 + (process.pid % 20_000)
  const path = `${folder}/redis.sock`
  const child = spawn(
    binary,
    ['--port', `${port}`, '--bind', '127.0.0.1', '--unixsocket', path, '--save', '', '--appendonly', 'no'],
    { stdio: 'ignore' },
  )
  for (let tries = 0; tries < TRIES && !(await reaches(path)); tries++)
    await new Promise((resolve) => setTimeout(resolve, 50))
  const overPort = new Redis(port, '127.0.0.1')
  const overSocket = new Redis(path)
  const batched = new Redis(port, '127.0.0.1', { enableAutoPipelining: true })
  const each: Redis[] = []
  for (const client of [overPort, overSocket, batched]) define(client)
  await overPort.set('budget:acme', '1000000000000')
  return {
    overPort,
    overSocket,
    batched,
    async each(count) {
      for (let no = each.length; no < count; no++) {
        const client = new Redis(port, '127.0.0.1')
        define(client)
        each.push(client)
      }
      await Promise.all(each.map((client) => client.ping()))
      return each.slice(0, count)
    },
    async stop() {
      for (const client of [overPort, overSocket, batched, ...each]) client.disconnect()
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

function define(client: Redis): void {
  client.defineCommand('take', { numberOfKeys: 1, lua: SCRIPT })
}

/** Takes one of the budget. */
export async function takeOne(client: Redis): Promise<void> {
  const { take } = client as unknown as { take(key: string, amount: string): Promise<number> }
  if ((await take.call(client, 'budget:acme', '1')) !== 1) throw new Error('the script refused')
}

function reaches(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
