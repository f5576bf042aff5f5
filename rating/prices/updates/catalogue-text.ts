import { AforoError, type FieldFault } from '../../../core/errors.ts'
import { CATALOGUE_SOURCE, toListPrices } from '../convert.ts'
import { correct } from '../correct.ts'
import type { ListPrice } from '../list-price.ts'
import { floatDust, parseProviders } from './genai-format.ts'
import { parseLitellm, type SecondPrice } from './litellm-format.ts'
import type { SourceText } from './read-source.ts'
import { parseRows } from './row-format.ts'

/** A catalogue that proposals can be made from. */
export interface CatalogueText {
  readonly format: 'genai' | 'rows'
  /** The rows of the file alone: what is counted and what must be plausible. */
  readonly own: readonly ListPrice[]
  /** What the book is to say by it: the same with our corrections. */
  readonly wanted: readonly ListPrice[]
  /** The same for other rows of the file. */
  readonly wantedOf: (own: readonly ListPrice[]) => readonly ListPrice[]
  /** A row that is not in it is missing; else it says nothing about others. */
  readonly complete: boolean
  /** What its rows name as their source. */
  readonly rowSource: string
  /** Prices that were not read as they stand. */
  readonly flags: readonly FieldFault[]
}

/** A second catalogue's prices: of LiteLLM's names, or of our own keys. */
export type SecondText =
  | { readonly format: 'litellm'; readonly prices: readonly SecondPrice[] }
  | { readonly format: 'list'; readonly prices: readonly ListPrice[] }

/**
 * Reads a catalogue: the data of genai-prices, or rows as `GET /v1/prices` has them.
 * @throws AforoError `invalid_argument` with a fault per path, the first hundred of them
 */
export function readCatalogue(source: SourceText): CatalogueText {
  const document = parsed(source)
  if (formatOf(document) === 'litellm') {
    throw new AforoError(
      'invalid_argument',
      `${source.name} is a LiteLLM price map: it has no dates and no history, so it only checks another catalogue`,
    )
  }
  if (formatOf(document) === 'rows') {
    const { rows, complete, flags } = parseRows(document, source.name)
    const common = { format: 'rows', complete, flags, rowSource: source.name } as const
    return { ...common, own: rows, wanted: rows, wantedOf: (own) => own }
  }
  const own = toListPrices(parseProviders(document, source.name))
  const common = { format: 'genai', complete: true, rowSource: CATALOGUE_SOURCE } as const
  return { ...common, own, wanted: correct(own), wantedOf: correct, flags: floatDust(document) }
}

/** Reads a second catalogue, in any of the three formats. */
export function readSecond(source: SourceText): SecondText {
  const document = parsed(source)
  if (formatOf(document) === 'litellm') {
    return { format: 'litellm', prices: parseLitellm(document as Record<string, unknown>, source.name) }
  }
  return { format: 'list', prices: readCatalogue(source).own }
}

function parsed({ name, text }: SourceText): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new AforoError('invalid_argument', `${name} is no JSON: ${(error as Error).message}`)
  }
}

/** genai-prices is a list of providers, our rows are under `prices`, LiteLLM's map has a key per model. */
function formatOf(document: unknown): 'genai' | 'rows' | 'litellm' {
  if (Array.isArray(document)) return 'genai'
  if (typeof document !== 'object' || document === null) {
    throw new AforoError('invalid_argument', 'a catalogue is a JSON list or object')
  }
  if ('providers' in document) return 'genai'
  return 'prices' in document ? 'rows' : 'litellm'
}
