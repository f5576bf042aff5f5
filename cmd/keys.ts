import { Command, Option } from 'commander'
import type pg from 'pg'
import { AforoError } from '../core/errors.ts'
import { DEFAULT_TENANT } from '../core/ids.ts'
import { createKey, KEY_ROLES, type KeyRole, listKeys, revokeKey } from '../schema/keys.ts'
import { onDatabase } from './on-database.ts'

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
      printing(async (pool) => {
        const { keyId, secret } = await createKey(pool, { tenantId: options.tenant, role: options.role })
        return [{ key_id: keyId, tenant: options.tenant, role: options.role, key: secret }]
      }),
    )
  keys
    .command('list')
    .description('list keys, the revoked ones too, without their secrets')
    .addOption(tenant)
    .action((options: { tenant: string }) => printing((pool) => listKeys(pool, options.tenant)))
  keys
    .command('revoke <key_id>')
    .description('close a key; every process notices within seconds')
    .addOption(tenant)
    .action((keyId: string, options: { tenant: string }) =>
      printing(async (pool) => {
        if (!(await revokeKey(pool, options.tenant, keyId))) {
          throw new AforoError('not_found', `no open key ${keyId} of tenant ${options.tenant}`)
        }
        return [{ key_id: keyId, revoked: true }]
      }),
    )
  return keys
}

/** Prints what the work answers, one JSON line each. */
function printing(work: (pool: pg.Pool) => Promise<readonly object[]>): Promise<void> {
  return onDatabase(1, async (pool) => {
    for (const row of await work(pool)) process.stdout.write(`${JSON.stringify(row)}\n`)
  })
}
