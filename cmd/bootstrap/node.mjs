// Which Node runs TypeScript here: the running one if it can, else the one that our dependencies bring.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** @param {string} version as in process.versions.node */
export function runsTypeScript(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major === 22) return minor >= 18
  if (major === 23) return minor >= 6
  return major > 23
}

/**
 * @param {string} root folder of the repository
 * @returns {string} path of the executable
 */
export function chooseNode(root, running = process.versions.node) {
  if (runsTypeScript(running)) return process.execPath
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const folder = join(root, 'node_modules', `node-${platform}-${process.arch}`, 'bin')
  const brought = join(folder, process.platform === 'win32' ? 'node.exe' : 'node')
  if (existsSync(brought)) return brought
  throw new Error(
    `Node ${running} cannot run TypeScript, and no Node comes along for ${process.platform}-${process.arch}. ` +
      'Install Node 24 (or at least 22.18) and try again.',
  )
}
