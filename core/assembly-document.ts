import type { Assembly, JoinedTraces, ModelCall, ToolCall } from './assembly.ts'
import { AforoError } from './errors.ts'
import { OF_ASSEMBLY, type PackedDocument, unpackCall, unpackTool } from './packed-assembly.ts'
import type { UnixNano } from './time.ts'

/** An assembly as JSON can hold it: times are decimal text, the rest is as it is. */
export interface AssemblyDocument extends Timed<Omit<Assembly, 'calls' | 'tools' | 'joined'>> {
  readonly calls: readonly Timed<ModelCall>[]
  readonly tools: readonly Timed<ToolCall>[]
  readonly joined?: Omit<JoinedTraces, 'runningNano'> & { readonly runningNano: string }
}

type Timed<T> = Omit<T, 'startNano' | 'endNano'> & { readonly startNano: string; readonly endNano: string }

export function assemblyToDocument(assembly: Assembly): AssemblyDocument {
  const { joined, ...rest } = assembly
  return {
    ...timesAsText(rest),
    calls: assembly.calls.map(timesAsText),
    tools: assembly.tools.map(timesAsText),
    ...(joined && { joined: { ...joined, runningNano: String(joined.runningNano) } }),
  }
}

/**
 * The assembly of a document, packed or not, as a jsonb column gives it back.
 *
 * @throws AforoError `internal` where the document is none of ours
 */
export function assemblyFromDocument(document: unknown): Assembly {
  try {
    const { joined, calls, tools, ...given } = document as PackedDocument
    return {
      ...timesFromText({ ...OF_ASSEMBLY, anomalies: [], ...given } as Timed<
        Omit<Assembly, 'calls' | 'tools'>
      >),
      calls: calls.map(unpackCall),
      tools: tools.map(unpackTool),
      ...(joined && { joined: { ...joined, runningNano: BigInt(joined.runningNano) } }),
    }
  } catch (error) {
    throw new AforoError('internal', 'stored assembly cannot be read', { cause: error })
  }
}

/** A call on its own, as JSON can hold it. */
export type CallDocument = Timed<ModelCall>

export function callToDocument(call: ModelCall): CallDocument {
  return timesAsText(call)
}

/** @throws SyntaxError or TypeError where the document is none of ours */
export function callFromDocument(document: CallDocument): ModelCall {
  return timesFromText(document)
}

/** A tool call on its own, as JSON can hold it. */
export type ToolDocument = Timed<ToolCall>

export function toolToDocument(tool: ToolCall): ToolDocument {
  return timesAsText(tool)
}

/** @throws SyntaxError or TypeError where the document is none of ours */
export function toolFromDocument(document: ToolDocument): ToolCall {
  return timesFromText(document)
}

function timesAsText<T extends { startNano: UnixNano; endNano: UnixNano }>(timed: T): Timed<T> {
  return { ...timed, startNano: String(timed.startNano), endNano: String(timed.endNano) }
}

function timesFromText<T extends { startNano: string; endNano: string }>(
  timed: T,
): Omit<T, 'startNano' | 'endNano'> & { startNano: UnixNano; endNano: UnixNano } {
  return { ...timed, startNano: BigInt(timed.startNano), endNano: BigInt(timed.endNano) }
}
