import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { trimLog } from './log.ts'

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aforo-log-'))
  file = join(folder, 'postgres.log')
})
afterEach(() => rmSync(folder, { recursive: true }))

it('is left alone up to the bound, and set aside one beyond it', () => {
  appendFileSync(file, 'x'.repeat(10))
  trimLog(file, 10)
  expect(existsSync(`${file}.1`)).toBe(false)
  appendFileSync(file, 'y')
  trimLog(file, 10)
  expect([readFileSync(file, 'utf8'), readFileSync(`${file}.1`, 'utf8')]).toEqual(['', 'xxxxxxxxxxy'])
})

it('keeps only the last one set aside', () => {
  for (const text of ['first', 'second']) {
    appendFileSync(file, text)
    trimLog(file, 1)
  }
  expect(readFileSync(`${file}.1`, 'utf8')).toBe('second')
})

it('does nothing about a log that is not there', () => {
  expect(() => trimLog(file, 10)).not.toThrow()
})
