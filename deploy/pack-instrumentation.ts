import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// npm run pack:instrumentation -- [FOLDER]
// Builds what agents install, `aforo/instrumentation`, as JavaScript with its types, and packs it: Node runs no TypeScript
// out of node_modules, and an agent shall not have to install a database client and a web framework along.

/** There is one in a process: clients that trace and we must meet in the same. */
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
    engines: { node: '>=20' },
    exports: {
      './instrumentation': {
        types: './instrumentation/index.d.ts',
        default: './instrumentation/index.js',
      },
    },
    dependencies: Object.fromEntries(
      Object.entries(dependencies).filter(([name]) => used.has(name) && name !== SHARED),
    ),
    peerDependencies: { [SHARED]: '^1.9.0' },
  }
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
