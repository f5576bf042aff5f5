import { readdirSync, readFileSync } from 'node:fs'

/** CPU seconds are told in these (USER_HZ is 100 on every Linux that Node runs on). */
const TICKS_PER_SECOND = 100

/**
 * CPU milliseconds that a process and its children have used so far, those that ended included. Linux only; null
 * elsewhere, so that a table says "not measured" and not zero.
 */
export function cpuMsOfTree(pid: number): number | null {
  const own = stat(pid)
  if (!own) return null
  let ticks = own.ticks + own.collected
  for (const name of readdirSync('/proc')) {
    const child = /^\d+$/.test(name) ? stat(Number(name)) : null
    if (child?.parent === pid) ticks += child.ticks + child.collected
  }
  return (ticks / TICKS_PER_SECOND) * 1000
}

/** Resident bytes of a process. Linux only. */
export function residentBytes(pid: number): number | null {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
  } catch {
    return null
  }
}

function stat(pid: number): { parent: number; ticks: number; collected: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [, parent] = fields
    const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number)
    return { parent: Number(parent), ticks: user! + system!, collected: childUser! + childSystem! }
  } catch {
    return null
  }
}
