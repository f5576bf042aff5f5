// What is to be run: our own .ts file, or a tool by its name.
import { isAbsolute, join } from 'node:path'

const TOOLS = {
  vitest: 'node_modules/vitest/vitest.mjs',
  tsc: 'node_modules/typescript/bin/tsc',
  biome: 'node_modules/@biomejs/biome/bin/biome',
}

/**
 * @param {string} root folder of the repository
 * @param {readonly string[]} words the command line after the bootstrap's own name
 * @returns {{file: string, args: string[], nodeOptions: string[], isTool: boolean}}
 */
export function chooseTarget(root, words) {
  const [what = '', ...args] = words
  if (Object.hasOwn(TOOLS, what))
    return { file: join(root, TOOLS[what]), args, nodeOptions: [], isTool: true }
  // Node 22 warns on every start that it strips types; those that run 24 see nothing of it.
  const ours = { nodeOptions: ['--disable-warning=ExperimentalWarning'], isTool: false }
  if (what.endsWith('.ts')) return { file: isAbsolute(what) ? what : join(root, what), args, ...ours }
  return { file: join(root, 'cmd/aforo.ts'), args: [...words], ...ours }
}
