import { Command } from 'commander'
import { type Config, isLoopback, readConfig } from '../core/config.ts'
import { AforoError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { type Context, openContext } from './context.ts'
import { announce } from './listening.ts'
import { logger } from './logger.ts'
import type { Part } from './part.ts'
import { ROLES, type Role } from './roles.ts'

/** A command that runs the given roles until SIGINT or SIGTERM, then drains and exits 0. */
export function serveCommand(name: string, description: string, roles: readonly Role[]): Command {
  return new Command(name).description(description).action(async () => {
    const config = readConfig(process.env)
    const log = logger(config.log)
    const stopRequested = firstSignal()
    const context = await openContext(config, log)
    const parts: Part[] = []
    try {
      await refuseOpenDoors(config, context, roles)
      for (const role of roles) parts.push(await ROLES[role](context))
      announce(config, parts)
      log.info({ signal: await stopRequested }, 'draining')
    } finally {
      await stopAll([...parts].reverse(), log)
      await context.close()
    }
    process.exit(0)
  })
}

/** Resolves with the first signal that asks us to stop. A second one ends the process at once. */
export function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(130)
        asked = true
        resolve(signal)
      })
    }
  })
}

/** An address that others can reach needs a key: without one, anybody could bill anybody. */
async function refuseOpenDoors(config: Config, context: Context, roles: readonly Role[]): Promise<void> {
  const addresses = roles.includes('receiver') ? [config.otlpHttpAddr, config.otlpGrpcAddr] : []
  if (roles.includes('api')) addresses.push(config.apiAddr)
  if (roles.includes('check')) addresses.push(config.checkAddr, config.authzGrpcAddr)
  const exposed = addresses.find((address) => !isLoopback(address.host))
  if (exposed && !(await context.hasKey())) {
    throw new AforoError(
      'invalid_argument',
      `refusing to listen on ${exposed.host}:${exposed.port} without any key: ` +
        'create one with `aforo keys create` or set AFORO_INITIAL_KEYS',
    )
  }
}

/** A part that fails to stop is logged and does not keep the others running. */
async function stopAll(parts: readonly Part[], log: Log): Promise<void> {
  for (const part of parts) {
    try {
      await part.stop()
    } catch (error) {
      log.error({ err: error, part: part.name }, 'did not stop cleanly')
    }
  }
}
