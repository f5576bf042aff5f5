import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The files of the project that match: those git tracks and those it would, as far as they are there. */
export function tracked(...patterns: string[]): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', ...patterns])
  return [...new Set(listed.toString().split('\n'))].filter((path) => path !== '' && exists(path))
}

function exists(path: string): boolean {
  try {
    readFileSync(path)
    return true
  } catch {
    return false
  }
}
