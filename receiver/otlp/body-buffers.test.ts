import { describe, expect, it } from 'vitest'
import { BodyBuffers, freeChunk } from './body-buffers.ts'

describe('BodyBuffers', () => {
  it('gives memory again, at the length asked for', () => {
    const buffers = new BodyBuffers()
    const first = buffers.take(100_000)
    buffers.give(first.buffer as ArrayBuffer)
    const second = buffers.take(70_000)
    expect(second).toHaveLength(70_000)
    expect(second.buffer).toBe(first.buffer)
    expect(buffers.take(70_000).buffer).not.toBe(first.buffer)
  })
  it('never has two holders of the same memory', () => {
    const buffers = new BodyBuffers()
    const held = Array.from({ length: 20 }, () => buffers.take(20_000).buffer)
    expect(new Set(held).size).toBe(20)
  })
  it('keeps no more than its bound, and nothing of odd sizes', () => {
    const buffers = new BodyBuffers()
    for (const held of Array.from({ length: 9 }, () => buffers.take(8_388_608)))
      buffers.give(held.buffer as ArrayBuffer)
    expect(buffers.keptBytes).toBe(33_554_432)
    buffers.give(buffers.take(10).buffer as ArrayBuffer)
    buffers.give(buffers.take(8_388_609).buffer as ArrayBuffer)
    expect(buffers.keptBytes).toBe(33_554_432)
  })
})

describe('freeChunk', () => {
  it('frees a chunk that has its memory for itself', () => {
    const chunk = Buffer.from(new ArrayBuffer(65_536))
    freeChunk(chunk)
    expect(chunk).toHaveLength(0)
  })
  it('leaves memory that others read', () => {
    const memory = Buffer.from(new ArrayBuffer(65_536))
    freeChunk(memory.subarray(1))
    freeChunk(memory.subarray(0, 65_535))
    expect(memory).toHaveLength(65_536)
  })
})
