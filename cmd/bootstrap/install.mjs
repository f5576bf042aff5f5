// Installs the dependencies when they are missing or other than package-lock.json says.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { runToEnd, watch } from './run.mjs'
import { takeTurn } from './turn.mjs'

const NPM = ['ci', '--no-audit', '--no-fund', '--include=dev', '--include=optional', '--loglevel=error']
// npm waits ten seconds and more between its tries; who is offline wants to know sooner.
const RETRIES = ['--fetch-retries=3', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000']

/**
 * @param {string} root folder of the repository
 * @param {{file: string, isTool: boolean}} target a tool must be there to be run
 */
export async function ensureInstalled(root, target) {
  if (isInstalled(root, target)) return
  const done = await takeTurn(join(root, '.aforo', 'install.lock'), () =>
    say('another start is installing; waiting'),
  )
  try {
    if (isInstalled(root, target)) return
    say('installing dependencies, once (npm ci)')
    const startedMs = Date.now()
    const { code, signal } = await npm(root)
    if (signal !== null) throw new Error(`installing was stopped by ${signal}`)
    if (code !== 0) throw new Error(refusal(code))
    writeFileSync(stampFile(root), stamp(root))
    say(`installed in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`)
  } finally {
    done()
  }
}

/** Whether node_modules is what the lock file says: by our stamp, or, after an `npm ci` by hand, by npm's own list. */
function isInstalled(root, target) {
  if (target.isTool && !existsSync(target.file)) return false
  if (read(stampFile(root)) === stamp(root)) return true
  if (!holdsAll(root)) return false
  try {
    writeFileSync(stampFile(root), stamp(root))
  } catch {
    // A read-only installation is compared anew each time, which takes milliseconds.
  }
  return true
}

function holdsAll(root) {
  const present = read(join(root, 'node_modules', '.package-lock.json'))
  if (present === undefined) return false
  const have = JSON.parse(present).packages ?? {}
  const want = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages ?? {}
  return Object.entries(want).every(([path, entry]) => {
    if (path === '') return true
    const found = have[path]
    if (found === undefined) return entry.dev || entry.devOptional || entry.peer || isElsewhere(entry)
    return found.version === entry.version && existsSync(join(root, path))
  })
}

/** An optional package of another platform (or of a C library we do not tell apart) need not be here. */
function isElsewhere(entry) {
  if (!entry.optional) return false
  const matches = (list, own) => list === undefined || [list].flat().includes(own)
  return entry.libc !== undefined || !matches(entry.os, process.platform) || !matches(entry.cpu, process.arch)
}

function stamp(root) {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  return `${hash} ${process.platform}-${process.arch}\n`
}

function stampFile(root) {
  return join(root, 'node_modules', '.aforo-lock')
}

/** npm's output goes to stderr: stdout belongs to the program that is started afterwards. */
function npm(root) {
  const args = [...NPM, ...RETRIES, ...cacheOption(root)]
  const stdio = ['ignore', 2, 2]
  const running = process.env.npm_execpath
  if (running !== undefined && basename(running) === 'npm-cli.js') {
    return runToEnd(process.execPath, [running, ...args], { stdio, cwd: root })
  }
  return watch(spawn('npm', args, { cwd: root, stdio, shell: process.platform === 'win32' }))
}

/** A service account often has no home to keep npm's cache in. */
function cacheOption(root) {
  try {
    accessSync(existsSync(join(homedir(), '.npm')) ? join(homedir(), '.npm') : homedir(), constants.W_OK)
    return []
  } catch {
    return ['--cache', join(root, '.aforo', 'npm-cache')]
  }
}

function refusal(code) {
  return (
    `installing failed (npm ended with ${code}; its own words are above). ` +
    'It needs the npm registry once: if this machine is offline, connect it or set a reachable mirror ' +
    '(npm config set registry …), and start again.'
  )
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function say(text) {
  process.stderr.write(`aforo: ${text}\n`)
}
