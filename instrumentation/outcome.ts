/** Runs a function in the surroundings of the work (its tracing context). */
type Inside = <T>(run: () => T) => T

/** Called once, when the work is over; null where it went well. */
export type Ended = (failure: { readonly error: unknown } | null) => void

/**
 * Runs `work` and tells `ended` when it is over, whatever kind of result it has: a value, a promise, a generator, an
 * async iterator, or a promise of one. The result is handed on with its type, its methods and its errors.
 *
 * Platform streams pass as they are, since nothing can stand in for them: their work is over when they are returned.
 * An iterator that nobody ever reads is never over.
 */
export function observe<Result>(work: () => Result, inside: Inside, ended: Ended): Result {
  const end = once(ended)
  try {
    return settle(inside(work), inside, end)
  } catch (error) {
    end({ error })
    throw error
  }
}

function settle<T>(result: T, inside: Inside, end: Ended): T {
  if (isThenable(result)) return observePromise(result, inside, end)
  if (isAsyncIterable(result)) return observeIterable(result, inside, end)
  if (isIterator(result)) return observeGenerator(result, inside, end)
  end(null)
  return result
}

function observePromise<T extends PromiseLike<unknown>>(result: T, inside: Inside, end: Ended): T {
  const follower = Promise.resolve(result).then(
    (value) => settle(value, inside, end),
    (error: unknown) => {
      end({ error })
      throw error
    },
  )
  // A caller waits for the follower, so a rejection nobody handles is still reported as one. A client's own promise
  // class keeps its other methods.
  const standing = standIn(result, {
    // biome-ignore lint/suspicious/noThenProperty: it stands in for a promise
    then: follower.then.bind(follower),
    catch: follower.catch.bind(follower),
    finally: follower.finally.bind(follower),
  })
  return isPlainPromise(result) ? (follower as PromiseLike<unknown> as T) : standing
}

function observeIterable<T extends AsyncIterable<unknown>>(result: T, inside: Inside, end: Ended): T {
  const iterate = () =>
    observeIterator(
      inside(() => result[Symbol.asyncIterator]()),
      inside,
      end,
    )
  if (!('next' in result)) return standIn(result, { [Symbol.asyncIterator]: iterate })
  const observed = iterate()
  return standIn(result, {
    next: observed.next,
    return: observed.return,
    throw: observed.throw,
    [Symbol.asyncIterator]: () => observed,
    [Symbol.asyncDispose]: async () => void (await observed.return(undefined)),
  })
}

function observeIterator(iterator: AsyncIterator<unknown>, inside: Inside, end: Ended) {
  const follow = (step: () => Promise<IteratorResult<unknown>>) =>
    inside(step).then(
      (result) => {
        if (result.done) end(null)
        return result
      },
      (error: unknown) => {
        end({ error })
        throw error
      },
    )
  return {
    next: (...sent: [] | [unknown]) => follow(async () => iterator.next(...sent)),
    return: (value?: unknown) => follow(async () => iterator.return?.(value) ?? { done: true, value }),
    throw: (error?: unknown) =>
      follow(async () => {
        if (iterator.throw) return iterator.throw(error)
        throw error
      }),
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

/** Nothing of a generator has run when it is returned: each of its steps runs inside. */
function observeGenerator<T extends Iterator<unknown>>(result: T, inside: Inside, end: Ended): T {
  const follow = (step: () => IteratorResult<unknown>) => {
    try {
      const taken = inside(step)
      if (taken.done) end(null)
      return taken
    } catch (error) {
      end({ error })
      throw error
    }
  }
  const over = (value?: unknown) => follow(() => result.return?.(value) ?? { done: true, value })
  const observed: T = standIn(result, {
    next: (...sent: [] | [undefined]) => follow(() => result.next(...sent)),
    return: over,
    throw: (error?: unknown) =>
      follow(() => {
        if (result.throw) return result.throw(error)
        throw error
      }),
    [Symbol.iterator]: () => observed,
    [Symbol.dispose]: () => void over(),
  })
  return observed
}

/** `target` with some members replaced. Methods are bound to the target, for they may reach for private fields. */
function standIn<T extends object>(target: T, replaced: Record<PropertyKey, unknown>): T {
  return new Proxy(target, {
    get(inner, key) {
      if (Object.hasOwn(replaced, key)) return replaced[key]
      const value: unknown = Reflect.get(inner, key, inner)
      return typeof value === 'function' && key !== 'constructor' ? value.bind(inner) : value
    },
  })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return isObject(value) && 'then' in value && typeof value.then === 'function'
}

function isPlainPromise(value: object): boolean {
  return Object.getPrototypeOf(value) === Promise.prototype
}

/** Web and Node streams are checked for by brand wherever they go, so they are left alone. */
function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return isObject(value) && Symbol.asyncIterator in value && !('getReader' in value) && !('pipe' in value)
}

/** A generator, or what can be read but once like one. Lists and maps are values. */
function isIterator(value: unknown): value is object & Iterator<unknown> {
  return isObject(value) && Symbol.iterator in value && 'next' in value && typeof value.next === 'function'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function once(ended: Ended): Ended {
  let over = false
  return (failure) => {
    if (over) return
    over = true
    ended(failure)
  }
}
