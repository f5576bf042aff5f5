import type pg from 'pg'
import type { z } from 'zod'
import { AforoError, type FieldFault } from '../../core/errors.ts'
import { faultsOf } from '../../core/faults.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Pricing } from '../../core/quote.ts'
import { allUnlike, type Unlike } from '../../core/unlike.ts'
import { transaction } from '../../schema/pool.ts'
import type { Invoicing } from '../invoicing.ts'
import type { PriceUpdates } from '../price-updates.ts'
import type { Call, Route } from '../route.ts'
import { type ApplyItem, readApplyFile, refusal } from './read.ts'

export interface Applied {
  readonly kind: string
  readonly key: string
  readonly did: 'made' | 'changed' | 'unchanged'
  /** Of what is changed: where what REST tells of it differs from before. */
  readonly changes: readonly Unlike[]
  /** What the endpoint answered: a new webhook's secret is told here and never again. */
  readonly answer: unknown
}

type Around = Omit<Call<unknown, unknown, unknown>, 'path' | 'query' | 'body'>
/** What the endpoints are given of the rating, and the time. */
export interface ApplyDeps {
  readonly pricing: Pricing
  readonly prices: PriceUpdates
  readonly invoicing: Invoicing
  readonly now: Date
  /** Whether it is only told what would be done. */
  readonly dryRun?: boolean
}
type Input = Pick<Call<unknown, unknown, unknown>, 'path' | 'query' | 'body'>

/**
 * Writes what a file holds, all of it or nothing, by the endpoints of REST and with their checks. What is there
 * already is left alone, so a second time changes nothing; what the file does not name stays.
 *
 * @throws AforoError `invalid_argument` with all faults together, each by path and line; nothing is written then
 */
export async function applyFile(
  pool: pg.Pool,
  tenantId: TenantId,
  text: string,
  { pricing, prices, invoicing, now, dryRun = false }: ApplyDeps,
): Promise<readonly Applied[]> {
  const { items, located } = readApplyFile(text)
  return transaction(pool, async (client) => {
    const around = {
      ...pricing,
      prices,
      invoicing,
      tenantId,
      client,
      now,
      wantsText: false,
      form: 'application/json',
    }
    const applied: Applied[] = []
    const faults: FieldFault[] = []
    await client.query('savepoint before')
    for (const item of items) {
      // What fails its checks is not written; whatever else is at fault is found all the same.
      const input = checkedInput(item, faults)
      if (input === null) continue
      await client.query('savepoint item')
      try {
        // Of what is dated, two that are told at the same instant would contradict each other: one is a breath later.
        const toldAt = new Date(now.getTime() + item.no)
        applied.push(await write(item, input, { ...around, now: toldAt }))
      } catch (error) {
        if (!(error instanceof AforoError) || error.code === 'unavailable' || error.code === 'internal')
          throw error
        await client.query('rollback to savepoint item')
        faults.push(...faultsIn(item, error))
      }
    }
    // Thrown within the transaction, it takes everything back.
    if (faults.length > 0) throw refusal(faults.map(located))
    if (dryRun) await client.query('rollback to savepoint before')
    return applied
  })
}

async function write(item: ApplyItem, input: Input, around: Around): Promise<Applied> {
  const { put, get, name } = item.kind
  const before = get && (await look(get, item, around))
  const { status, body: answer } = await put.handle({ ...around, ...input })
  const told = { kind: name, key: item.key, answer, changes: [] }
  if (!get) return { ...told, did: status === 201 ? 'made' : 'unchanged' }
  if (before === null) return { ...told, did: 'made' }
  const changes = allUnlike(before, await look(get, item, around))
  return { ...told, did: changes.length > 0 ? 'changed' : 'unchanged', changes }
}

function pathOf({ key: name }: ApplyItem['kind'], key: string): Readonly<Record<string, string>> {
  return name === null ? {} : { [name]: key }
}

/** What is there; null where nothing is. */
async function look(get: Route, { kind, key }: ApplyItem, around: Around): Promise<unknown> {
  try {
    return (await get.handle({ ...around, path: pathOf(kind, key), query: {}, body: undefined })).body
  } catch (error) {
    if (error instanceof AforoError && error.code === 'not_found') return null
    throw error
  }
}

/** Checked as the endpoint would; null, and the faults, where it would refuse. */
function checkedInput(item: ApplyItem, faults: FieldFault[]): Input | null {
  const { kind, key, fields } = item
  const { pathFields, queryFields, bodyFields } = kind.put
  const [query, body] = [true, false].map((inQuery) =>
    Object.fromEntries(Object.entries(fields).filter(([name]) => kind.query.includes(name) === inQuery)),
  )
  const found: FieldFault[] = []
  const check = (schema: z.ZodType | undefined, value: unknown, at: string) => {
    const result = schema?.safeParse(value)
    if (result?.success === false)
      found.push(...faultsOf(result.error.issues).map((fault) => ({ ...fault, path: at || fault.path })))
    return result?.data
  }
  const input = {
    path: check(pathFields, pathOf(kind, key), '/'),
    query: check(queryFields, query, ''),
    body: check(bodyFields, body, ''),
  }
  faults.push(...found.map((fault) => faultIn(item, fault)))
  return found.length > 0 ? null : input
}

/** An error that names no field is about the whole. */
function faultsIn(item: ApplyItem, { faults, message }: AforoError): readonly FieldFault[] {
  return (faults.length > 0 ? faults : [{ path: '/', message }]).map((fault) => faultIn(item, fault))
}

function faultIn({ at }: ApplyItem, { path, message }: FieldFault): FieldFault {
  return { path: path === '/' ? at : at + path, message }
}
