import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Runs the benchmarks one after the other: `npm run bench`, or some by name: `npm run bench -- decode rate`. */
const ALL = [
  'decode',
  'receiver',
  'journal',
  'assemble',
  'rate',
  'simulate',
  'pipeline',
  'audit',
  'invoice',
  'visible',
  'guard',
  'check',
  'interference',
] as const
/** They take minutes, and are run when they are asked for. */
const APART = ['memory', 'sessions']

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(ALL as readonly string[]).includes(name) && !APART.includes(name))
if (unknown.length > 0) {
  process.stderr.write(
    `no such benchmark: ${unknown.join(', ')}; there are ${[...ALL, ...APART].join(', ')}\n`,
  )
  process.exit(2)
}
for (const name of wanted.length > 0 ? wanted : ALL) {
  process.stdout.write(`\n== ${name}\n`)
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url))
  const { status } = spawnSync(process.execPath, [file], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
