import { Command } from 'commander'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { isLoopback, readConfig } from '../core/config.ts'
import { AforoError } from '../core/errors.ts'
import { createHttpCentre, refuseBadKey } from '../sidecar/centre/http-centre.ts'
import { startCheck } from '../sidecar/check.ts'
import { raiseCheck } from './check/real-time.ts'
import { announce } from './listening.ts'
import { logger } from './logger.ts'
import { firstSignal } from './serve.ts'

interface Options {
  readonly upstream: string
  readonly key?: string
  readonly unix?: string
}

/** `aforo sidecar`: the check address beside an agent, without a database, until SIGINT or SIGTERM. */
export function sidecarCommand(): Command {
  return new Command('sidecar')
    .description('check address beside an agent, out of leases of another Aforo; no database')
    .requiredOption('--upstream <url>', 'check address of an Aforo with a database, as http://10.0.0.5:4319')
    .option('--key <key>', 'key of role check (default: AFORO_SIDECAR_KEY)')
    .option('--unix <path>', 'socket to listen on besides AFORO_CHECK_ADDR')
    .action(async (options: Options) => {
      const config = readConfig(process.env)
      const log = logger(config.log)
      const stopRequested = firstSignal()
      const upstream = upstreamOf(options.upstream)
      const key = options.key ?? process.env.AFORO_SIDECAR_KEY ?? null
      const isLocal = isLoopback(config.checkAddr.host) && isLoopback(config.authzGrpcAddr.host)
      if (!isLocal && key === null) {
        throw new AforoError('invalid_argument', 'an address that others can reach needs --key')
      }
      const centre = createHttpCentre({ upstream, key, lendsKey: isLocal, log })
      const unreached = await refuseBadKey(centre)
      const registry = new Registry()
      collectDefaultMetrics({ register: registry })
      // It answers from memory, as its budgets say, when the centre is away: it is ready then too.
      const isReady = async () => true
      const unixPath = options.unix
      const running = await startCheck({
        centre,
        address: config.checkAddr,
        grpcAddress: config.authzGrpcAddr,
        unixPath,
        registry,
        log,
        isReady,
        busyPolls: true,
      })
      await raiseCheck(config.checkRealTime, registry, log)
      const ports = { check: running.port, authz_grpc: running.grpcPort! }
      announce(config, [{ name: 'sidecar', ports, stop: () => running.stop() }])
      if (unreached) {
        log.warn(
          { err: unreached, upstream },
          'upstream does not answer as an Aforo would; until it does, checks are refused',
        )
      }
      log.info({ signal: await stopRequested }, 'draining')
      await running.stop()
      process.exit(0)
    })
}

function upstreamOf(text: string): string {
  const url = URL.parse(text)
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url.origin
  throw new AforoError('invalid_argument', '--upstream must be http://host:port')
}
