import { describe, expect, it } from 'vitest'
import { InFlight } from './in-flight.ts'

describe('InFlight', () => {
  it('refuses the byte beyond its bound retryably, and has room again after a release', () => {
    const inFlight = new InFlight(10)
    const [one, two] = [inFlight.open(), inFlight.open()]
    one.grow(6)
    two.grow(4)
    expect(() => two.grow(1)).toThrow(expect.objectContaining({ code: 'unavailable' }))
    expect(inFlight.bytes).toBe(10)
    one.release()
    one.release()
    two.grow(6)
    expect(inFlight.bytes).toBe(10)
    two.release()
    expect(inFlight.bytes).toBe(0)
  })
})
