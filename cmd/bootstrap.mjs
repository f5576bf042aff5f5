#!/usr/bin/env node
// The way in: `node cmd/bootstrap.mjs <what> [args…]`, where <what> is one of our .ts files or a tool (vitest, tsc,
// biome); anything else is an argument of `aforo`. Plain JavaScript and no dependency, because it must run before
// anything is installed and under a Node that cannot run TypeScript.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureInstalled } from './bootstrap/install.mjs'
import { chooseNode } from './bootstrap/node.mjs'
import { endAs, runToEnd } from './bootstrap/run.mjs'
import { chooseTarget } from './bootstrap/target.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const target = chooseTarget(root, process.argv.slice(2))
try {
  await ensureInstalled(root, target)
  const node = chooseNode(root)
  endAs(await runToEnd(node, [...target.nodeOptions, target.file, ...target.args]))
} catch (error) {
  process.stderr.write(`aforo: ${error.message}\n`)
  process.exit(1)
}
