import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// npm run pack:instrumentation -- [FOLDER]
// Builds what agents install, `aforo/instrumentation`, as JavaScript with its types, and packs it: Node runs no TypeScript
// out of node_modules, and an agent shall not have to install a database client and a web framework along.

/**
 * There is one in a process: clients that trace and we must meet in the same. It is taken from ours on up to the next minor
 * version, as the SDK beneath us takes no other: with an older one npm would install a tree that does not fit together.
 */
const SHARED = '@opentelemetry/api'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = process.argv[2] ?? join(root, '.aforo')
const built = join(root, '.aforo', 'pack')

rmSync(built, { recursive: true, force: true })
mkdirSync(built, { recursive: true })
run('node', [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'deploy/tsconfig.pack.json'])
writeFileSync(join(built, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`)
copyFileSync(join(root, 'instrumentation', 'README.md'), join(built, 'README.md'))
copyFileSync(join(root, 'LICENSE'), join(built, 'LICENSE'))
const packed = run('npm', ['pack', built, '--pack-destination', folder, '--json'])
const [{ filename }] = JSON.parse(packed) as [{ filename: string }]
process.stdout.write(`${join(folder, filename)}\n`)

/** Of ours, with only the dependencies that the built files import. */
function manifest(): object {
  const { name, version, license, description, dependencies } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  ) as Record<string, string> & { dependencies: Record<string, string> }
  const used = importedPackages(join(built, 'instrumentation'))
  return {
    name,
    version,
    license,
    description,
    type: 'module',
    engines: { node: engineOf([...used].filter((name) => !name.startsWith('node:'))) },
    exports: {
      './instrumentation': {
        types: './instrumentation/index.d.ts',
        default: './instrumentation/index.js',
      },
    },
    dependencies: Object.fromEntries(
      Object.entries(dependencies).filter(([name]) => used.has(name) && name !== SHARED),
    ),
    peerDependencies: { [SHARED]: `~${dependencies[SHARED]}` },
  }
}

/** The oldest Node that all of them run on. */
function engineOf(packages: readonly string[]): string {
  const asked = packages.map((name) => {
    const { engines } = JSON.parse(
      readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'),
    ) as {
      engines: { node: string }
    }
    const version = /^>=\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?$/.exec(engines.node)
    if (!version) throw new Error(`${name} asks for Node in words that are not known: ${engines.node}`)
    return version.slice(1).map((part) => Number(part ?? 0))
  })
  const newest = asked.sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]! || a[2]! - b[2]!).at(-1)!
  return `>=${newest.join('.')}`
}

function importedPackages(of: string): ReadonlySet<string> {
  const files = readdirSync(of).filter((file) => file.endsWith('.js') || file.endsWith('.d.ts'))
  const imports = files.flatMap((file) => [
    ...readFileSync(join(of, file), 'utf8').matchAll(/from '((?:@[^/']+\/)?[^./'][^/']*)/g),
  ])
  return new Set(imports.map(([, name]) => name!))
}

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}
