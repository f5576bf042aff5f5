import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const isLinux = process.platform === 'linux'

/** Whether the process runs. A dead one that nobody has collected does not. */
export function isRunning(pid: number): boolean {
  return isKnown(pid) && !(isLinux && isZombie(pid))
}

/** Whether the number is taken, which is all that PostgreSQL itself looks at. */
export function isKnown(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When the process started, in a form only good for comparing; undefined when it does not run. */
export function startOf(pid: number): string | undefined {
  if (!isRunning(pid)) return undefined
  if (isLinux) return `${bootId()} ${statFields(pid)?.[19] ?? ''}`
  if (process.platform === 'win32') return ''
  return spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()
}

/** Processes at work in the folder: PostgreSQL's all go into theirs. Undefined where that cannot be told. */
export function processesIn(dir: string): number[] | undefined {
  if (!isLinux) return undefined
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => folderOf(pid) === dir)
}

function folderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}

function isZombie(pid: number): boolean {
  const state = statFields(pid)?.[0]
  return state === 'Z' || state === 'X'
}

/** The fields after the name, which is in brackets and may hold anything: state, parent, …, start time (20th). */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}
