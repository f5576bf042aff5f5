import { readFileSync } from 'node:fs'

const PAGE = new URL('../../docs/RECIPES.md', import.meta.url)
/** Where the recipes say that things listen, and the key they show. */
const CHECK = '127.0.0.1:4319'
const PROXY = '127.0.0.1:8000'
const APPLICATION = '127.0.0.1:9000'
const KEY = 'aforo_check_KEY'

export interface RecipePlaces {
  readonly check?: number
  readonly proxy?: number
  readonly application?: number
  readonly key?: string
}

/** The block of docs/RECIPES.md that is marked with this name, with the ports and the key of a test in it. */
export function recipe(name: string, places: RecipePlaces = {}): string {
  const marked = recipePage().split(`<!-- run: ${name} -->\n`)[1]
  const block = /^```\w+\n([\s\S]*?)^```$/m.exec(marked ?? '')?.[1]
  if (block === undefined) throw new Error(`docs/RECIPES.md has no block ${name}`)
  const at = (port: number | undefined, said: string) => (port === undefined ? said : `127.0.0.1:${port}`)
  return block
    .replaceAll(CHECK, at(places.check, CHECK))
    .replaceAll(PROXY, at(places.proxy, PROXY))
    .replaceAll(APPLICATION, at(places.application, APPLICATION))
    .replaceAll(KEY, places.key ?? KEY)
}

/** docs/RECIPES.md as it stands. */
export function recipePage(): string {
  return readFileSync(PAGE, 'utf8')
}

/** Every block that the page says is run. */
export function recipeNames(): string[] {
  return [...recipePage().matchAll(/<!-- run: (\S+) -->/g)].map(([, name]) => name!)
}
