import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { compileKeys } from '../receiver/decode/keys.ts'
import { decodeProtobuf } from '../receiver/decode/protobuf.ts'
import { KEYS } from '../receiver/dialects/keys.ts'
import { keptByReference, keptOfBatch } from './support/kept-spans.ts'

const FOLDER = join(import.meta.dirname, 'recordings')
const files = readdirSync(FOLDER).filter((file) => file.endsWith('.bin'))
const keys = compileKeys(KEYS)

describe('what real clients send', () => {
  it.each(files)('%s is decoded as protobufjs decodes it', (file) => {
    const body = readFileSync(join(FOLDER, file))
    const batch = decodeProtobuf(body, keys)
    expect(batch.length).toBeGreaterThan(0)
    expect(batch.rejected).toEqual([])
    expect(keptOfBatch(batch, KEYS)).toEqual(keptByReference(body, KEYS))
  })
})
