import type pg from 'pg'
import type { Address } from '../core/config.ts'
import type { Log } from '../core/log.ts'
import { CUT_DEFAULTS, type CutSettings } from './cut/settings.ts'
import { decodeJson } from './decode/json.ts'
import { compileKeys } from './decode/keys.ts'
import { decodeProtobuf } from './decode/protobuf.ts'
import { DEFAULT_ATTRIBUTION } from './dialects/attribution.ts'
import { COUNTED_KEYS, KEYS, USAGE_INSIDE_KEYS } from './dialects/keys.ts'
import { toUsage } from './dialects/normalise.ts'
import { isWorthKeeping } from './dialects/worth.ts'
import { createJournal } from './journal/journal.ts'
import type { ReceiverMetrics } from './metrics.ts'
import { type AcceptSteps, createAccept } from './otlp/accept.ts'
import type { IngestAccess, OtlpServer } from './otlp/endpoint.ts'
import { startGrpc } from './otlp/grpc.ts'
import { startHttp } from './otlp/http.ts'
import { InFlight } from './otlp/in-flight.ts'

export interface ReceiverOptions {
  readonly pool: pg.Pool
  readonly access: IngestAccess
  readonly metrics: ReceiverMetrics
  readonly log: Log
  readonly httpAddr: Address
  readonly grpcAddr: Address
  readonly bodyBytesMax: number
  /** Those not given are CUT_DEFAULTS. */
  readonly cut?: Partial<CutSettings>
  readonly now?: () => Date
}

/** A receiver that listens: OTLP in, usage journal out. */
export interface Receiver {
  readonly httpPort: number
  readonly grpcPort: number
  /** Takes nothing new, makes durable and answers what is under way, then resolves. */
  stop(graceMs?: number): Promise<void>
}

/** Bodies held at once are bounded by this many of the largest. */
const LARGEST_BODIES_HELD = 4

/** Opens both OTLP servers over one journal. */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const { pool, access, log, metrics, bodyBytesMax } = options
  const settings = { ...CUT_DEFAULTS, ...options.cut }
  const journal = createJournal({ pool, metrics, settings })
  const accept = createAccept({
    ...READING,
    append: (tenant, usages, receivedAt) => journal.append(tenant, usages, receivedAt),
    metrics,
    log,
    now: options.now ?? (() => new Date()),
  })
  const inFlight = new InFlight(bodyBytesMax * LARGEST_BODIES_HELD, metrics.bytesInFlight)
  const parts = { access, accept, inFlight, metrics, log, bodyBytesMax }
  const servers: OtlpServer[] = []
  const stop = async (graceMs?: number) => {
    await Promise.all(servers.map((server) => server.stop(graceMs)))
    await journal.drain()
  }
  try {
    servers.push(await startHttp(parts, options.httpAddr))
    servers.push(await startGrpc(parts, options.grpcAddr))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    httpPort: servers[0]!.port,
    grpcPort: servers[1]!.port,
    stop,
  }
}

const TABLE = compileKeys(KEYS, COUNTED_KEYS, USAGE_INSIDE_KEYS)

/** From bytes to usage, as every receiver reads them. */
export const READING: Pick<AcceptSteps, 'decode' | 'toUsage'> = {
  decode: {
    protobuf: (body) => decodeProtobuf(body, TABLE),
    json: (body) => decodeJson(body, TABLE),
  },
  toUsage: (span) => {
    const usage = toUsage(span, DEFAULT_ATTRIBUTION)
    return isWorthKeeping(usage, span) ? usage : null
  },
}
