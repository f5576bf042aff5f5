import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LOCK, Project, type Run } from './project.ts'

/** Counts the signals it gets, and ends 300 ms after the first with the code it was told. */
const PATIENT = `
let seen: string[] = []
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {
  if (seen.push(signal) === 1) setTimeout(() => { console.log('seen', seen.join()); process.exit(Number(process.argv[2])) }, 300)
})
setInterval(() => {}, 1000)
console.log('ready', process.pid)
`

const OURS = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

let project: Project
afterEach(() => project.remove())

async function started(program: string, ...args: string[]): Promise<Run> {
  project = new Project(program)
  project.installByHand(LOCK)
  const run = project.start(['program.ts', ...args])
  await run.said('ready')
  return run
}

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s reaches the program, whose code is ours',
    async (signal) => {
      const run = await started(PATIENT, '7')
      run.child.kill(signal)
      expect(await run.ended).toMatchObject({ code: 7, stdout: expect.stringContaining(`seen ${signal}\n`) })
    },
  )

  it('reaches it once though it comes to the whole group and by npm as well', async () => {
    const run = await started(PATIENT, '0')
    process.kill(-(run.child.pid as number), 'SIGINT')
    run.child.kill('SIGINT')
    expect(await run.ended).toMatchObject({ code: 0, stdout: expect.stringContaining('seen SIGINT\n') })
  })

  it('that ends the program ends us the same way', async () => {
    const run = await started('console.log("ready"); setInterval(() => {}, 1000)')
    run.child.kill('SIGTERM')
    expect(await run.ended).toMatchObject({ code: null, signal: 'SIGTERM' })
  })

  it('that nobody can catch takes the program along, in good order', async () => {
    const run = await started(PATIENT, '0')
    run.child.kill('SIGKILL')
    expect(await run.ended).toMatchObject({
      signal: 'SIGKILL',
      stdout: expect.stringContaining('seen SIGTERM\n'),
    })
  })
})

describe('a signal to npm start', () => {
  // The shell between npm and us would keep a SIGINT to itself and die of a SIGTERM; the script has it replaced.
  it.each(['SIGINT', 'SIGTERM'] as const)('%s drains the program, and npm ends as it did', async (signal) => {
    project = new Project(PATIENT)
    project.installByHand(LOCK)
    project.script('start', OURS.scripts.start.replace('cmd/aforo.ts serve', 'program.ts 0'))
    const run = project.npm('start')
    await run.said('ready')
    run.child.kill(signal)
    expect(await run.ended).toMatchObject({ code: 0, stdout: expect.stringContaining(`seen ${signal}\n`) })
  })
})

describe('the way a program ends', () => {
  beforeEach(() => {
    project = new Project('process.exit(Number(process.argv[2]))')
    project.installByHand(LOCK)
  })

  it.each([0, 1, 42])('is passed on: %s', async (code) => {
    expect((await project.start(['program.ts', String(code)]).ended).code).toBe(code)
  })
})
