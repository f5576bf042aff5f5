import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type pg from 'pg'
import { describe, expect, it } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { parseScript, renderScript } from './script.ts'
import { openWorld } from './world.ts'

const FOLDER = new URL('./', import.meta.url)

/** Every script here runs on a database of its own. UPDATE=1 writes what was answered into the scripts. */
describe.concurrent('scenarios', () => {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.txt'))) {
    it(file, async () => {
      const database = await testDatabase()
      try {
        await play(new URL(file, FOLDER), database.pool)
      } finally {
        await database.drop()
      }
    })
  }
})

async function play(path: URL, pool: pg.Pool): Promise<void> {
  const world = await openWorld(pool)
  const text = readFileSync(path, 'utf8')
  const blocks = parseScript(text)
  const answers: string[] = []
  for (const block of blocks) {
    const lines: string[] = []
    for (const command of block.commands) lines.push(...(await world.run(command)))
    answers.push(lines.join('\n'))
  }
  const answered = renderScript(blocks, answers)
  if (process.env.UPDATE) writeFileSync(path, answered)
  else expect(answered).toBe(text)
}
