import { describe, expect, it } from 'vitest'
import { BodyBuffers } from './body-buffers.ts'

describe('BodyBuffers', () => {
  it('gives memory again, at the length asked for', () => {
    const buffers = new BodyBuffers()
    const first = buffers.take(100_000)
    buffers.give(first)
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
    for (const held of Array.from({ length: 9 }, () => buffers.take(8_388_608))) buffers.give(held)
    expect(buffers.keptBytes).toBe(33_554_432)
    buffers.give(buffers.take(10))
    buffers.give(buffers.take(8_388_609))
    expect(buffers.keptBytes).toBe(33_554_432)
  })
})
