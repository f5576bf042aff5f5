import { Command, Option } from 'commander'
import type pg from 'pg'
import { readConfig } from '../core/config.ts'
import { AforoError } from '../core/errors.ts'
import { DEFAULT_TENANT } from '../core/ids.ts'
import { createKey, KEY_ROLES, type KeyRole, listKeys, revokeKey } from '../schema/keys.ts'
import { openPool } from '../schema/pool.ts'
import { joinDatabase } from './database.ts'
import { logger } from './logger.ts'

/** `aforo keys create|list|revoke`. A key is printed once, when it is made. */
export function keysCommand(): Command {
  const keys = new Command('keys').description('make, list and revoke API keys')
  const tenant = new Option('--tenant <id>', 'the tenant the key belongs to').default(DEFAULT_TENANT)
  keys
    .command('create')
    .description('make a key and print it, once')
    .addOption(new Option('--role <role>', 'what the key may do').choices(KEY_ROLES).makeOptionMandatory())
    .addOption(tenant)
    .action((options: { role: KeyRole; tenant: string }) =>
      onDatabase(async (pool) => {
        const { keyId, secret } = await createKey(pool, { tenantId: options.tenant, role: options.role })
        return [{ key_id: keyId, tenant: options.tenant, role: options.role, key: secret }]
      }),
    )
  keys
    .command('list')
    .description('list keys, the revoked ones too, without their secrets')
    .addOption(tenant)
    .action((options: { tenant: string }) => onDatabase((pool) => listKeys(pool, options.tenant)))
  keys
    .command('revoke <key_id>')
    .description('close a key; every process notices within seconds')
    .addOption(tenant)
    .action((keyId: string, options: { tenant: string }) =>
      onDatabase(async (pool) => {
        if (!(await revokeKey(pool, options.tenant, keyId))) {
          throw new AforoError('not_found', `no open key ${keyId} of tenant ${options.tenant}`)
        }
        return [{ key_id: keyId, revoked: true }]
      }),
    )
  return keys
}

/** Runs the work on the database of the settings and prints what it answers, one JSON line each. */
async function onDatabase(work: (pool: pg.Pool) => Promise<readonly object[]>): Promise<void> {
  const config = readConfig(process.env)
  const database = await joinDatabase(config, logger(config.log === 'info' ? 'warn' : config.log))
  const pool = openPool(database.url, { max: 1 })
  try {
    for (const row of await work(pool)) process.stdout.write(`${JSON.stringify(row)}\n`)
  } finally {
    await pool.end()
    await database.stop()
  }
}
