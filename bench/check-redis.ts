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
  for (const client of [overPort, overSocket, batched])
    client.defineCommand('take', { numberOfKeys: 1, lua: SCRIPT })
  await overPort.set('budget:acme', '1000000000000')
  return {
    overPort,
    overSocket,
    batched,
    async stop() {
      overPort.disconnect()
      overSocket.disconnect()
      batched.disconnect()
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
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
