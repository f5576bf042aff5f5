import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { raiseThread } from '../../cmd/check/real-time.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { runAforo } from './process.ts'

/** `man 5 proc`: fields 40 and 41 of a thread's stat, counted from its third, which comes after the name. */
const PRIORITY_AT = 40 - 3
const POLICY_AT = 41 - 3
const SCHED_OTHER = 0
const SCHED_RR = 2

/** The name, real-time priority and policy of every thread of a process. */
function threadsOf(pid: number): readonly { name: string; priority: number; policy: number }[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const name = readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim()
    return { name, priority: Number(fields[PRIORITY_AT]), policy: Number(fields[POLICY_AT]) }
  })
}

describe.runIf(process.platform === 'linux')('the thread of the check', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase()
  })
  afterAll(() => database.drop())

  /** What the check tells of itself, and the threads of the process that have a real-time priority. */
  async function told(settings: Record<string, string>) {
    const aforo = await runAforo('serve', { DATABASE_URL: database.url, AFORO_LOG: 'info', ...settings })
    try {
      const metrics = await (await fetch(`http://127.0.0.1:${aforo.ports.check}/metrics`)).text()
      const threads = threadsOf(aforo.child.pid!)
      expect(threads.map(({ name }) => name)).toContain('check')
      return {
        gauge: /^aforo_check_real_time (\d)$/m.exec(metrics)?.[1],
        raised: threads.filter(({ policy }) => policy !== SCHED_OTHER),
        log: aforo.log(),
      }
    } finally {
      await aforo.end('SIGTERM')
    }
  }

  it('goes before all others, and no other with it, or says why it does not', async () => {
    const { gauge, raised, log } = await told({})
    if (gauge === '1') expect(raised).toEqual([{ name: 'check', priority: 1, policy: SCHED_RR }])
    else {
      expect(raised).toEqual([])
      expect(log).toMatch(/the check has no real-time priority/)
    }
  })

  it('does not where it must not', async () => {
    expect(await told({ AFORO_CHECK_REAL_TIME: 'off' })).toMatchObject({ gauge: '0', raised: [] })
  })
})

it('a system without a way to ask for it leaves all as it is', async () => {
  expect(await raiseThread('darwin')).toBe('is not known on darwin')
})
