import type pg from 'pg'
import { importPrices } from '../../rating/prices/updates/import-prices.ts'
import { sourceOfText } from '../../rating/prices/updates/read-source.ts'
import { transaction } from '../../schema/pool.ts'

/** A price as a catalogue of rows has it, with what a test wants different. */
export function priceRow(of: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { provider: 'acme', model: 'm-1', meter: 'input_uncached', unit_price: '3', ...of }
}

export function rowFile(prices: readonly unknown[], complete = true): string {
  return JSON.stringify({ complete, prices })
}

/** A look at a catalogue, by the code that the command and the API run. */
export function importText(
  pool: pg.Pool,
  text: string,
  now: Date,
  of: { readonly name?: string; readonly second?: unknown; readonly allowFewer?: boolean } = {},
) {
  const { name = 'test.json', second, allowFewer = false } = of
  const order = {
    catalogue: sourceOfText(name, text),
    second: second === undefined ? null : sourceOfText('second.json', JSON.stringify(second)),
    allowFewer,
    now,
  }
  return transaction(pool, (client) => importPrices(client, order))
}

/** Every proposal with what was decided last. */
export async function proposals(
  pool: pg.Pool,
): Promise<{ id: string; kind: string; model: string; held: string[]; decision: string | null }[]> {
  const { rows } = await pool.query(
    `select proposal_id::text as id, kind, model, held, (
       select decision from aforo_store.price_decisions decision
       where decision.proposal_id = proposal.proposal_id order by decision_no desc limit 1) as decision
     from aforo_store.price_proposals proposal order by proposal_id`,
  )
  return rows
}

/** What the catalogue's book says of a meter of the model at an instant, as far as is known now. */
export async function bookPrice(
  pool: pg.Pool,
  at: Date,
  model = 'm-1',
  meter = 'input_uncached',
): Promise<string | null> {
  const { rows } = await pool.query(
    `select trim_scale(unit_price)::text as price from aforo_store.price_rows
     where book = 'catalogue' and provider = 'acme' and model = $1 and meter = $2 and retracted_at is null
       and effective_from <= $3 and (effective_to is null or effective_to > $3)`,
    [model, meter, at.toISOString()],
  )
  return rows[0]?.price ?? null
}
