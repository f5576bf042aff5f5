import type pg from 'pg'
import type { ModelAlias } from './list-price.ts'

/** Makes the aliases everybody shares those of the list: what it no longer says ends to be known, the rest is added. */
export async function seedAliases(
  client: pg.ClientBase,
  aliases: readonly ModelAlias[],
  now: Date,
): Promise<void> {
  const values = [JSON.stringify(aliases), now.toISOString()]
  await client.query(
    `update aforo_store.price_aliases known set retracted_at = $2
     where known.tenant_id = '' and known.retracted_at is null and known.recorded_at < $2
       and not exists (select from ${WANTED} where ${SAME})`,
    values,
  )
  await client.query(
    `insert into aforo_store.price_aliases
       (tenant_id, provider, alias, to_provider, to_model, effective_from, effective_to, recorded_at, source)
     select '', provider, alias, "toProvider", "toModel", "effectiveFrom", "effectiveTo", $2, source
     from ${WANTED}
     where not exists (
       select from aforo_store.price_aliases known where known.tenant_id = '' and known.retracted_at is null and ${SAME})`,
    values,
  )
}

const WANTED = `jsonb_to_recordset($1::jsonb) as wanted (provider text, alias text, "toProvider" text, "toModel" text,
  "effectiveFrom" timestamptz, "effectiveTo" timestamptz, source text)`

const SAME = `(known.provider, known.alias, known.to_provider, known.to_model, known.effective_from)
    = (wanted.provider, wanted.alias, wanted."toProvider", wanted."toModel", wanted."effectiveFrom")
  and known.effective_to is not distinct from wanted."effectiveTo"`
