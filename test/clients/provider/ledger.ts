import { randomBytes } from 'node:crypto'

/** One answer the provider gave, in the numbers it would invoice. Tokens. */
export interface Served {
  readonly client: string
  readonly kind: 'chat' | 'embedding'
  /** As asked for, and as the provider names what it ran. */
  readonly requestModel: string
  readonly model: string
  readonly responseId: string
  /** With everything read from and written to the cache. */
  readonly input: number
  readonly cacheRead: number
  readonly cacheWrite: number
  /** With the reasoning. */
  readonly output: number
  readonly reasoning: number
  readonly isStream: boolean
  /** Its client went away in the middle of the answer or could not parse it, and never saw these numbers. */
  readonly isCutOff: boolean
  /** Whether it wants a tool to be called: the client's next request has its result. */
  readonly asksTool: boolean
}

export interface Asked {
  readonly client: string
  readonly kind: 'chat' | 'embedding'
  readonly model: string
  /** How ids of this API begin. */
  readonly idPrefix: string
  readonly isStream?: boolean
  readonly asksTool?: boolean
  /** Whether the API tells of tokens written to a cache, of reasoning. */
  readonly tellsCacheWrites?: boolean
  readonly tellsReasoning?: boolean
}

/** Models whose answers hold cached and reasoning tokens; all others answer from uncached input, without a thought. */
const DETAILED = /^(gpt-5|o\d|claude-opus|gemini-2\.5-pro)/

/** What was served, by client, and whom it turned away. */
export class Ledger {
  readonly #served = new Map<string, Served[]>()
  readonly #turnedAway = new Map<string, Map<string, number>>()

  /** Decides what an answer uses and enters it. No two answers to a client have equal numbers. */
  enter(asked: Asked): Served {
    const entries = this.of(asked.client)
    const n = entries.length + 1
    const isDetailed = asked.kind === 'chat' && DETAILED.test(asked.model)
    const entry: Served = {
      client: asked.client,
      kind: asked.kind,
      requestModel: asked.model,
      model: datedModel(asked),
      responseId: asked.idPrefix + randomBytes(16).toString('hex'),
      input: (isDetailed ? 2007 : 101) + 13 * n,
      cacheRead: isDetailed ? 1152 + n : 0,
      cacheWrite: isDetailed && asked.tellsCacheWrites ? 256 + n : 0,
      output: asked.kind === 'embedding' ? 0 : (isDetailed ? 503 : 41) + 7 * n,
      reasoning: isDetailed && asked.tellsReasoning ? 384 + n : 0,
      isStream: asked.isStream ?? false,
      asksTool: asked.asksTool ?? false,
      isCutOff: false,
    }
    this.#served.set(asked.client, [...entries, entry])
    return entry
  }

  /** Notes a request that was refused: it costs nothing. */
  turnAway(client: string, model: string): void {
    const models = this.#turnedAway.get(client) ?? new Map<string, number>()
    this.#turnedAway.set(client, models.set(model, this.turnedAway(client, model) + 1))
  }

  /** How often a client was turned away: from a model, or from all. */
  turnedAway(client: string, model?: string): number {
    const models = this.#turnedAway.get(client)
    if (model !== undefined) return models?.get(model) ?? 0
    return [...(models?.values() ?? [])].reduce((sum, count) => sum + count, 0)
  }

  /** Notes that a client did not get the whole of an answer; it may have asked for the next by then. */
  cutOff({ client, responseId }: Served): void {
    const entries = this.of(client).map((entry) =>
      entry.responseId === responseId ? { ...entry, isCutOff: true } : entry,
    )
    this.#served.set(client, entries)
  }

  of(client: string): readonly Served[] {
    return this.#served.get(client) ?? []
  }
}

/** OpenAI answers with a dated name where an alias was asked for. */
function datedModel({ model }: Asked): string {
  const dates: Record<string, string> = {
    'gpt-4.1-mini': 'gpt-4.1-mini-2025-04-14',
    'gpt-5-mini': 'gpt-5-mini-2025-08-07',
  }
  return dates[model] ?? model
}
