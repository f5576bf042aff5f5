import type { Client } from './clients.ts'
import type { Judgement } from './verdict.ts'

/** What a client's line of the table says. */
export interface Outcome {
  readonly client: Client
  readonly versions: string
  /** Null where the program could not be run; then `reason` tells why. */
  readonly judgement: Judgement | null
  readonly reason?: string
  /** What of it was tried: streamed answers, answers left in their middle, tool calls billed, requests turned away, sessions told apart. */
  readonly exercised: {
    readonly streams: number
    readonly cutOff: number
    readonly tools: number
    readonly turnedAway: number
    readonly sessions: number
  }
  readonly served: { readonly calls: number; readonly input: number; readonly output: number }
  readonly billed: { readonly calls: number; readonly input: number; readonly output: number }
  readonly spans: readonly string[]
}

/** One line per client, and below it what is at fault. */
export function table(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ client, versions, judgement, reason, exercised, served, billed }) => [
    client.name,
    versions,
    `${served.calls} / ${billed.calls}`,
    String(exercised.streams),
    String(exercised.cutOff),
    String(exercised.tools),
    String(exercised.turnedAway),
    String(exercised.sessions),
    `${served.input}+${served.output} / ${billed.input}+${billed.output}`,
    judgement ? verdictOf(judgement) : `not run: ${reason?.split('\n').at(-1)}`,
  ])
  const head = [
    'client',
    'version',
    'calls',
    'streams',
    'cut off',
    'tools',
    'refused',
    'sessions',
    'tokens in+out, served / billed',
    'verdict',
  ]
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => (i < head.length - 1 ? row[i]!.length : 0))),
  )
  const lines = [head, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  )
  return `${[...lines, '', ...outcomes.flatMap(faultsOf)].join('\n')}\n`
}

function verdictOf({ verdict, untold }: Judgement): string {
  return untold.length === 0 || verdict === 'WRONG' ? verdict : `${verdict}, no ${untold.join(', ')}`
}

/** Whether a client came out worse than its spans allow. */
export function isFault({ client, judgement }: Outcome): boolean {
  if (judgement === null) return false
  const { verdict, unmetered, untold } = judgement
  const isLost =
    unmetered > (client.unmetered ?? 0) + (client.unsaidRefusals ?? 0) ||
    untold.some((bucket) => !client.untold?.includes(bucket))
  return verdict === 'WRONG' || isLost
}

function faultsOf(outcome: Outcome): string[] {
  const { client, judgement, spans } = outcome
  if (judgement === null || (judgement.faults.length === 0 && !isFault(outcome))) return []
  return [
    `${client.name}: ${verdictOf(judgement)}; its spans leave open ${leftOpen(client)}`,
    ...judgement.faults.map((fault) => `  ${fault}`),
    ...spans.map((told) => `  told ${told}`),
    '',
  ]
}

function leftOpen({ unmetered = 0, unsaidRefusals = 0, untold = [] }: Client): string {
  const calls = unmetered === 0 ? [] : [`the usage of ${unmetered} calls`]
  const refusals = unsaidRefusals === 0 ? [] : [`that ${unsaidRefusals} requests were refused`]
  return [...calls, ...refusals, ...untold].join(', ') || 'nothing'
}
