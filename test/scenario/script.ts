/**
 * A scenario is a text a product person can read: blocks of commands, `----`, and what Aforo answers.
 *
 *     # late-span.txt: a span after the cut is billed once, as revision 1
 *     push @0s
 *       span a/1 chat in=100 out=20
 *     cut @2s
 *     ----
 *     a#0 root_ended calls=1 in=100 out=20
 *
 * Indented lines belong to the command above them. Instants are seconds after the scenario's midnight.
 */
export interface Block {
  /** Comment and blank lines before the commands, kept for rewriting. */
  readonly preamble: readonly string[]
  readonly commands: readonly Command[]
  readonly expected: string
  /** The commands as they were written. */
  readonly source: string
}

export interface Command {
  readonly words: readonly string[]
  readonly details: readonly (readonly string[])[]
}

export function parseScript(text: string): Block[] {
  const blocks: Block[] = []
  let preamble: string[] = []
  let source: string[] = []
  let expected: string[] | null = null
  for (const line of [...text.split('\n'), '']) {
    if (expected) {
      if (line.trim() !== '') {
        expected.push(line)
        continue
      }
      blocks.push({
        preamble,
        commands: parseCommands(source),
        expected: expected.join('\n'),
        source: source.join('\n'),
      })
      preamble = []
      source = []
      expected = null
    } else if (line === '----') expected = []
    else if (source.length === 0 && (line.startsWith('#') || line.trim() === '')) preamble.push(line)
    else source.push(line)
  }
  return blocks
}

/** The script with other answers: what UPDATE=1 writes. */
export function renderScript(blocks: readonly Block[], answers: readonly string[]): string {
  const parts = blocks.map((block, i) => {
    const before = block.preamble.join('\n')
    return `${before}${before === '' ? '' : '\n'}${block.source}\n----${answers[i] === '' ? '' : `\n${answers[i]}`}`
  })
  return `${parts.join('\n\n')}\n`
}

function parseCommands(lines: readonly string[]): Command[] {
  const commands: { words: string[]; details: string[][] }[] = []
  for (const line of lines) {
    const words = line.trim().split(/\s+/)
    if (words[0] === '' || words[0]!.startsWith('#')) continue
    if (/^\s/.test(line)) commands.at(-1)?.details.push(words)
    else commands.push({ words, details: [] })
  }
  return commands
}

/** `@2s` or `@1.5s` as milliseconds. */
export function instantMs(word: string): number {
  const match = /^@(\d+(?:\.\d+)?)s$/.exec(word)
  if (!match) throw new Error(`not an instant: ${word}`)
  return Math.round(Number(match[1]) * 1000)
}

/** `in=100` as ['in', '100']. */
export function assignment(word: string): [string, string] {
  const at = word.indexOf('=')
  if (at < 1) throw new Error(`not name=value: ${word}`)
  return [word.slice(0, at), word.slice(at + 1)]
}
