// One at a time: a lock file naming its owner, who keeps it fresh. A lock of the dead is taken over.
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 200
const BEAT_MS = 2000
/** A lock nobody refreshed for so long is stale, whatever its number says: process numbers are used again. */
const STALE_MS = 20_000
const WAIT_MS_MAX = 15 * 60_000

/**
 * Waits for the lock and takes it.
 * @param {string} file
 * @param {() => void} onWait called once when another holds it
 * @returns {Promise<() => void>} gives it back
 */
export async function takeTurn(file, onWait) {
  mkdirSync(dirname(file), { recursive: true })
  const deadlineMs = Date.now() + WAIT_MS_MAX
  for (let waited = false; !create(file); waited = true) {
    if (removeIfStale(file)) continue
    if (!waited) onWait()
    if (Date.now() > deadlineMs)
      throw new Error(`${file} is held by another installation; remove it if none runs`)
    await sleep(POLL_MS)
  }
  const beat = setInterval(() => refresh(file), BEAT_MS)
  return () => {
    clearInterval(beat)
    rmSync(file, { force: true })
  }
}

function create(file) {
  try {
    const handle = openSync(file, 'wx')
    writeSync(handle, `${process.pid} ${hostname()}\n`)
    closeSync(handle)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw new Error(`cannot write ${file} (${error.code}); the folder must be writable to install into it`)
  }
}

/** Renaming lets exactly one of several take it away; each then tries to create its own. */
function removeIfStale(file) {
  if (!isStale(file)) return false
  const aside = `${file}.${process.pid}`
  try {
    renameSync(file, aside)
    // Another may have taken it over since we looked: then what we hold is theirs, and goes back.
    if (!isStale(aside)) linkSync(aside, file)
    rmSync(aside, { force: true })
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error
  }
  return true
}

function isStale(file) {
  try {
    if (Date.now() - statSync(file).mtimeMs > STALE_MS) return true
    const [pid = '', host = ''] = readFileSync(file, 'utf8').trim().split(' ')
    return host === hostname() && !isAlive(Number(pid))
  } catch {
    return false
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function refresh(file) {
  try {
    const now = new Date()
    utimesSync(file, now, now)
  } catch {
    // Gone with the folder: then there is nothing to keep.
  }
}
