-- A name as subjects of counters have it where they would be too long for a key: its beginning, and a hash of the whole
-- as UTF-16. The same as shortName in core/short-name.ts, so that an audit finds the counters of long names.
create function aforo_store.short_name(name text, characters_max integer) returns text
language plpgsql immutable strict parallel safe as $$
declare
  first_hash bigint := x'811c9dc5'::bigint;
  second_hash bigint := x'1b873593'::bigint;
  kept text := '';
  units integer := 0;
  cut integer := characters_max - 17;
  letter text;
  code integer;
  unit integer;
begin
  for letter in select * from regexp_split_to_table(name, '') loop
    code := ascii(letter);
    foreach unit in array case when code < 65536 then array[code]
      else array[55296 + ((code - 65536) >> 10), 56320 + ((code - 65536) & 1023)] end
    loop
      units := units + 1;
      first_hash := ((first_hash # unit) * 16777619) & 4294967295;
      second_hash := (((second_hash # unit)::numeric * 2246822507) % 4294967296)::bigint # (first_hash >> 15);
    end loop;
    if units <= cut then kept := kept || letter;
    elsif code >= 65536 and units - 1 = cut then kept := kept || chr(65533);
    end if;
  end loop;
  if units <= characters_max then return name; end if;
  return kept || '~' || lpad(to_hex(first_hash), 8, '0') || lpad(to_hex(second_hash), 8, '0');
end $$;
--> statement-breakpoint
-- The subject of a counter by the values that are counted apart: as they are, or shortened where that would be more than
-- 2,048 bytes of JSON.
create function aforo_store.subject_of(apart text[]) returns jsonb
language sql immutable strict parallel safe as $$
  select case when octet_length(array_to_json(apart)::text) <= 2048 then to_jsonb(apart)
    else (select jsonb_agg(aforo_store.short_name(name, 64) order by no)
      from unnest(apart) with ordinality as value (name, no)) end
$$;
