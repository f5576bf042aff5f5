import type pg from 'pg'

/** What of our schemas the catalogue holds, a line each. The names PostgreSQL 18 gives to not-null rules are left out. */
const LINES = `
with ours as (
  select class.oid, class.relkind, format('%I.%I', space.nspname, class.relname) as name
  from pg_class class join pg_namespace space on space.oid = class.relnamespace
  where space.nspname in ('aforo', 'aforo_store') and class.relkind in ('r', 'p', 'v', 'm')
)
select line from (
  select format('column %s.%I %s%s%s', name, attname, format_type(atttypid, atttypmod),
    case when attnotnull then ' not null' else '' end,
    case attidentity when '' then '' else ' identity' end
      || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')) as line, 1 as kind, attnum as place, name
  from ours
  join pg_attribute on attrelid = ours.oid and attnum > 0 and not attisdropped
  left join pg_attrdef on adrelid = attrelid and adnum = attnum
  union all
  select format('constraint %s %I %s', name, conname, pg_get_constraintdef(pg_constraint.oid)), 2, 0, name
  from ours join pg_constraint on conrelid = ours.oid where contype <> 'n'
  union all
  select pg_get_indexdef(indexrelid), 3, 0, name from ours join pg_index on indrelid = ours.oid
  union all
  select format('trigger %s %s', name, pg_get_triggerdef(pg_trigger.oid)), 4, 0, name
  from ours join pg_trigger on tgrelid = ours.oid where not tgisinternal
  union all
  select format(E'view %s\\n%s', name, pg_get_viewdef(oid, true)), 5, 0, name from ours where relkind in ('v', 'm')
) everything
order by name collate "C", kind, place, line collate "C"`

const FUNCTIONS = `
select pg_get_functiondef(pg_proc.oid) as line
from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
where nspname in ('aforo', 'aforo_store')
order by nspname collate "C", proname collate "C"`

export async function describeCatalog(pool: pg.Pool): Promise<string> {
  const lines: string[] = []
  for (const query of [LINES, FUNCTIONS]) {
    const { rows } = await pool.query<{ line: string }>(query)
    lines.push(...rows.map((row) => row.line))
  }
  return `${lines.join('\n')}\n`
}
