import { randomBytes } from 'node:crypto'
import { unlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import type { Registry } from 'prom-client'
import type { Address } from '../core/config.ts'
import type { Log } from '../core/log.ts'
import type { Centre } from './centre/centre.ts'
import { Checkers } from './checkers.ts'
import { httpDoors } from './doors/doors.ts'
import { startGrpcDoors } from './doors/envoy/server.ts'
import { createDoorMetrics } from './doors/metrics.ts'
import { registerLeases } from './lease-metrics.ts'
import { createCheckMetrics } from './metrics.ts'
import { Admission } from './server/admission.ts'
import { BusyPoll } from './server/busy-poll.ts'
import { createCheckServer, KEEP_ALIVE_MS } from './server/check-server.ts'
import { DecisionStreams } from './server/decision-streams.ts'
import { Frames } from './server/frames.ts'
import { PlainRequests } from './server/plain-requests.ts'

interface CheckParts {
  readonly centre: Centre
  readonly address: Address
  /** Envoy's gRPC is answered there too. */
  readonly grpcAddress?: Address | undefined
  /** A socket to listen on besides. */
  readonly unixPath?: string | undefined
  readonly registry: Registry
  readonly log: Log
  readonly isReady: () => Promise<boolean>
  /** Whether the loop may keep a core for a moment after it has answered: nothing else on the machine waits for it. */
  readonly busyPolls?: boolean
}

export interface RunningCheck {
  readonly port: number
  readonly grpcPort: number | null
  /** Takes nothing new, tells the centre of every hold and gives all leases back. */
  stop(): Promise<void>
}

/** After this a connection that is still answered is cut, on stopping. */
const STOP_GRACE_MS = 2_000

/** Runs the check address over a centre, until it is stopped. */
export async function startCheck(parts: CheckParts): Promise<RunningCheck> {
  const { centre, log, registry } = parts
  const clock = () => performance.now()
  const metrics = createCheckMetrics(registry)
  const sidecarId = randomBytes(9).toString('base64url')
  const checkers = new Checkers({ centre, sidecarId, clock, log, metrics })
  registerLeases(registry, checkers, clock)
  const streams = new DecisionStreams(metrics)
  const doorMetrics = createDoorMetrics(registry)
  const doors = httpDoors(doorMetrics)
  const { isReady } = parts
  const admission = new Admission(centre.access, clock)
  // On one core whoever asks waits for us.
  const busyPoll = parts.busyPolls === true && availableParallelism() > 1 ? new BusyPoll(clock) : null
  const frames = new Frames({ admission, checkers, metrics, log, busyPoll })
  const plain = new PlainRequests({ admission, checkers, metrics, log, busyPoll, idleMs: KEEP_ALIVE_MS })
  const asked = { admission, checkers, metrics, frames, plain, streams, doors }
  const serverParts = { ...asked, centre, registry, log, isReady }
  const servers = [createCheckServer(serverParts)]
  const { host, port } = parts.address
  await listen(servers[0]!, { host, port })
  if (parts.unixPath !== undefined) {
    const local = createCheckServer(serverParts)
    servers.push(local)
    removeLeftover(parts.unixPath)
    await listen(local, { path: parts.unixPath })
  }
  const grpc = parts.grpcAddress
    ? await startGrpcDoors({ admission, checkers, metrics: doorMetrics, log, isReady }, parts.grpcAddress)
    : null
  return {
    port: (servers[0]!.address() as AddressInfo).port,
    grpcPort: grpc?.port ?? null,
    async stop() {
      streams.stop()
      await Promise.all([
        ...servers.map(close),
        plain.stop(STOP_GRACE_MS),
        frames.stop(STOP_GRACE_MS),
        grpc?.stop(STOP_GRACE_MS),
      ])
      await checkers.stop()
      await centre.stop()
    },
  }
}

function listen(server: Server, where: { host?: string; port?: number; path?: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => resolve())
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS)
    server.close(() => {
      clearTimeout(late)
      resolve()
    })
    server.closeIdleConnections()
  })
}

/** A socket that a process left which was killed. */
function removeLeftover(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
