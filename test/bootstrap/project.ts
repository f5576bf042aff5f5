import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CMD = fileURLToPath(new URL('../../cmd', import.meta.url))
export const LOCK = { packages: { '': {}, 'node_modules/thing': { version: '1.0.0' } } }

/** Stands where npm would be told to install from: notes the call, takes its time, and brings one package. */
const NPM = `
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
appendFileSync('calls', process.argv.slice(2).join(' ') + '\\n')
if (process.env.NO_NETWORK) process.exit(7)
setTimeout(() => {
  mkdirSync('node_modules/thing', { recursive: true })
  writeFileSync('node_modules/.package-lock.json', readFileSync('package-lock.json'))
  console.log('added 1 package')
}, Number(process.env.NPM_MS ?? 400))
`

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A clone in a temporary folder with the real bootstrap, and a program of the given source. */
export class Project {
  readonly root = mkdtempSync(join(tmpdir(), 'aforo-bootstrap-'))

  constructor(program = 'const said: string = process.argv.slice(2).join(" "); console.log("ran", said)') {
    mkdirSync(join(this.root, 'cmd'))
    cpSync(join(CMD, 'bootstrap.mjs'), join(this.root, 'cmd/bootstrap.mjs'))
    cpSync(join(CMD, 'bootstrap'), join(this.root, 'cmd/bootstrap'), { recursive: true })
    mkdirSync(join(this.root, 'npm'))
    writeFileSync(join(this.root, 'package.json'), '{"type":"module"}')
    writeFileSync(join(this.root, 'npm/npm-cli.js'), NPM)
    writeFileSync(join(this.root, 'program.ts'), program)
    this.lock(LOCK)
  }

  lock(content: object): void {
    writeFileSync(join(this.root, 'package-lock.json'), JSON.stringify(content))
  }

  script(name: string, line: string): void {
    writeFileSync(
      join(this.root, 'package.json'),
      JSON.stringify({ type: 'module', scripts: { [name]: line } }),
    )
  }

  /** As `npm ci` by hand leaves it. */
  installByHand(content: object): void {
    mkdirSync(join(this.root, 'node_modules/thing'), { recursive: true })
    writeFileSync(join(this.root, 'node_modules/.package-lock.json'), JSON.stringify(content))
  }

  get installs(): number {
    const calls = join(this.root, 'calls')
    return existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n').length : 0
  }

  /** Starts the bootstrap as the leader of a group, as a terminal does. */
  start(args: readonly string[] = ['program.ts'], env: Record<string, string> = {}): Run {
    const child = spawn(process.execPath, [join(this.root, 'cmd/bootstrap.mjs'), ...args], {
      cwd: this.root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOME: this.root,
        npm_execpath: join(this.root, 'npm/npm-cli.js'),
        ...env,
      },
    })
    return new Run(child)
  }

  /** The npm of the machine, under the Node that runs the tests. */
  npm(...args: readonly string[]): Run {
    const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`
    const env = { PATH: path, HOME: this.root, npm_config_update_notifier: 'false' }
    const child = spawn('npm', args, {
      cwd: this.root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
    })
    return new Run(child)
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}

export class Run {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  #stdout = ''
  #stderr = ''

  constructor(child: ChildProcess) {
    this.child = child
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout += chunk
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk
    })
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr })
      })
    })
  }

  /** Resolves when the program has said the word, and rejects when it ends without. */
  async said(word: string): Promise<string> {
    while (!this.#stdout.includes(word)) {
      const waited = new Promise((resolve) => setTimeout(resolve, 20))
      const ended = await Promise.race([waited, this.ended])
      if (ended !== undefined) throw new Error(`ended without "${word}": ${JSON.stringify(ended)}`)
    }
    return this.#stdout
  }
}
