import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * Who runs PostgreSQL, which refuses to run as root: we ourselves; another user, when we are root; or we ourselves
 * in a user namespace where we are not root.
 */
export type Account =
  | { readonly kind: 'self' }
  | { readonly kind: 'other'; readonly uid: number; readonly gid: number }
  | { readonly kind: 'namespace' }

/** In the order to try. */
export function accounts(): Account[] {
  if (process.getuid?.() !== 0) return [{ kind: 'self' }]
  const other = unprivileged()
  const namespace: Account[] = process.platform === 'linux' ? [{ kind: 'namespace' }] : []
  return other === undefined ? namespace : [other, ...namespace]
}

/** Starts a program as the account. Nothing of our environment goes along but what names the system. */
export function spawnAs(
  account: Account,
  file: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const run = commandAs(account, file, args)
  return spawn(run.file, run.args, { cwd: '/', ...options, ...run.identity, env: bareEnvironment() })
}

/** The same, waited for; undefined when it could not even be started. */
export function answerAs(account: Account, file: string, args: readonly string[]): string | undefined {
  const run = commandAs(account, file, args)
  const options = {
    cwd: '/',
    ...run.identity,
    env: bareEnvironment(),
    timeout: 20_000,
    encoding: 'utf8',
  } as const
  const { status, stdout } = spawnSync(run.file, run.args, options)
  return status === 0 ? stdout : undefined
}

/** Whether the account may go into the folder. */
export function canEnter(account: Account, folder: string): boolean {
  if (account.kind !== 'other') return true
  return answerAs(account, '/bin/sh', ['-c', 'cd "$1"', 'sh', folder]) !== undefined
}

function commandAs(account: Account, file: string, args: readonly string[]) {
  if (account.kind !== 'namespace') {
    return { file, args, identity: account.kind === 'other' ? { uid: account.uid, gid: account.gid } : {} }
  }
  const mapped = ['--user', '--map-user=1000', '--map-group=1000', '--', file, ...args]
  return { file: 'unshare', args: mapped, identity: {} }
}

/** initdb insists on a user that has a name, so only users of the password file will do. */
function unprivileged(): Account | undefined {
  const users = new Map<string, readonly string[]>()
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const fields = line.split(':')
    users.set(fields[0] ?? '', fields)
  }
  const fields = users.get('nobody') ?? users.get('postgres')
  const uid = Number(fields?.[2])
  const gid = Number(fields?.[3])
  return uid > 0 && gid > 0 ? { kind: 'other', uid, gid } : undefined
}

function bareEnvironment(): NodeJS.ProcessEnv {
  if (process.platform === 'win32') return process.env
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }
}
