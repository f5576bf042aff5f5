import { AforoError, type FieldFault } from './errors.ts'

/** `host:port` taken apart. Port 0 asks for any free port. */
export interface Address {
  readonly host: string
  readonly port: number
}

export interface Config {
  readonly otlpGrpcAddr: Address
  readonly otlpHttpAddr: Address
  readonly apiAddr: Address
  readonly checkAddr: Address
  readonly authzGrpcAddr: Address
  readonly checkRealTime: 'auto' | 'off'
  /** Null: the embedded database. */
  readonly databaseUrl: string | null
  readonly dataDir: string
  readonly timescale: 'auto' | 'on' | 'off'
  readonly cutQuietMs: number
  readonly cutIdleMs: number
  readonly cutMaxAgeMs: number
  readonly maxBodyBytes: number
  /** File or URL of the price catalogue that is pulled; empty: none. */
  readonly priceSource: string
  /** File or URL of a second catalogue; empty: none. */
  readonly priceCrossCheck: string
  /** 0: only when asked. */
  readonly pricePullHours: number
  readonly webhookPrivate: 'auto' | 'allow' | 'refuse'
  readonly log: string
  /** `role:secret` pairs, stored (hashed) at start where the tenant `default` has no key yet. */
  readonly initialKeys: readonly string[]
}

/** A setting is one row: the only place of its default. The README's table is generated from these rows. */
export interface Setting {
  readonly name: string
  readonly field: keyof Config
  readonly fallback: string
  readonly about: string
  /** Its value is never repeated in an error. */
  readonly secret?: boolean
  readonly parse: (text: string) => unknown
}

export const SETTINGS: readonly Setting[] = [
  {
    name: 'AFORO_OTLP_GRPC_ADDR',
    field: 'otlpGrpcAddr',
    fallback: '127.0.0.1:4317',
    about: 'OTLP/gRPC listens here.',
    parse: address,
  },
  {
    name: 'AFORO_OTLP_HTTP_ADDR',
    field: 'otlpHttpAddr',
    fallback: '127.0.0.1:4318',
    about: 'OTLP/HTTP listens here.',
    parse: address,
  },
  {
    name: 'AFORO_API_ADDR',
    field: 'apiAddr',
    fallback: '127.0.0.1:8080',
    about: 'REST API.',
    parse: address,
  },
  {
    name: 'AFORO_CHECK_ADDR',
    field: 'checkAddr',
    fallback: '127.0.0.1:4319',
    about: 'Check endpoint.',
    parse: address,
  },
  {
    name: 'AFORO_AUTHZ_GRPC_ADDR',
    field: 'authzGrpcAddr',
    fallback: '127.0.0.1:4320',
    about: 'Envoy ext_authz over gRPC.',
    parse: address,
  },
  {
    name: 'AFORO_CHECK_REAL_TIME',
    field: 'checkRealTime',
    fallback: 'auto',
    about:
      '`auto` gives the thread of the check the lowest real-time priority where the system lets it, `off` never does.',
    parse: oneOf('auto', 'off'),
  },
  {
    name: 'DATABASE_URL',
    field: 'databaseUrl',
    secret: true,
    fallback: '',
    about: 'PostgreSQL or TimescaleDB; unset: the embedded PostgreSQL.',
    parse: databaseUrl,
  },
  {
    name: 'AFORO_DATA_DIR',
    field: 'dataDir',
    fallback: '.aforo',
    about: 'Where the embedded database lives.',
    parse: nonEmpty,
  },
  {
    name: 'AFORO_TIMESCALE',
    field: 'timescale',
    fallback: 'auto',
    about:
      '`auto` uses TimescaleDB where the server has it, `on` refuses to start without, `off` never uses it.',
    parse: oneOf('auto', 'on', 'off'),
  },
  {
    name: 'AFORO_CUT_QUIET_MS',
    field: 'cutQuietMs',
    fallback: '2000',
    about: 'A trace whose root ended is cut after this much quiet.',
    parse: integer(0, 3_600_000),
  },
  {
    name: 'AFORO_CUT_IDLE_MS',
    field: 'cutIdleMs',
    fallback: '30000',
    about: 'A trace without an ended root is cut after this much quiet.',
    parse: integer(0, 86_400_000),
  },
  {
    name: 'AFORO_CUT_MAX_AGE_MS',
    field: 'cutMaxAgeMs',
    fallback: '3600000',
    about: 'A trace is cut at this age even if spans still come.',
    parse: integer(1, 604_800_000),
  },
  {
    name: 'AFORO_MAX_BODY_BYTES',
    field: 'maxBodyBytes',
    fallback: '67108864',
    about: 'Largest request body, also after decompression.',
    parse: integer(1024, 1_073_741_824),
  },
  {
    name: 'AFORO_WEBHOOK_PRIVATE',
    field: 'webhookPrivate',
    fallback: 'auto',
    about:
      'Webhooks to loopback and private addresses: `auto` allows them while every address is loopback and no key exists.',
    parse: oneOf('auto', 'allow', 'refuse'),
  },
  {
    name: 'AFORO_PRICE_SOURCE',
    field: 'priceSource',
    secret: true,
    fallback: '',
    about: 'Price catalogue to pull: a file or URL, `#sha256=…` behind it where it must be a known one.',
    parse: fileOrUrl,
  },
  {
    name: 'AFORO_PRICE_CROSS_CHECK',
    field: 'priceCrossCheck',
    secret: true,
    fallback: '',
    about: 'A second price catalogue: where it disagrees, a person decides.',
    parse: fileOrUrl,
  },
  {
    name: 'AFORO_PRICE_PULL_HOURS',
    field: 'pricePullHours',
    fallback: '0',
    about: 'The catalogue is pulled this often; 0: only when asked.',
    parse: integer(0, 8_784),
  },
  {
    name: 'AFORO_LOG',
    field: 'log',
    fallback: 'info',
    about: 'Log level.',
    parse: oneOf('debug', 'info', 'warn', 'error', 'silent'),
  },
  {
    name: 'AFORO_INITIAL_KEYS',
    field: 'initialKeys',
    secret: true,
    fallback: '',
    about:
      '`role:secret,…`: keys stored, hashed, at the first start; roles `ingest`, `check`, `read`, `admin`.',
    parse: initialKeys,
  },
]

/**
 * Reads all settings from the environment. Every fault is reported in one `invalid_argument`, not the first alone.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const faults: FieldFault[] = []
  const values: Record<string, unknown> = {}
  for (const setting of SETTINGS) {
    const text = env[setting.name]?.trim() || setting.fallback
    try {
      values[setting.field] = setting.parse(text)
    } catch (error) {
      faults.push({
        path: setting.name,
        message: `${(error as Error).message}${setting.secret ? '' : `, got "${text}"`}`,
      })
    }
  }
  if (faults.length === 0 && (values.cutQuietMs as number) > (values.cutIdleMs as number)) {
    faults.push({ path: 'AFORO_CUT_QUIET_MS', message: 'must not be longer than AFORO_CUT_IDLE_MS' })
  }
  if (faults.length === 0 && values.pricePullHours !== 0 && values.priceSource === '') {
    faults.push({ path: 'AFORO_PRICE_PULL_HOURS', message: 'needs AFORO_PRICE_SOURCE' })
  }
  if (faults.length > 0) {
    const list = faults.map((f) => `${f.path} ${f.message}`).join('; ')
    throw new AforoError('invalid_argument', `settings: ${list}`, { faults })
  }
  return values as unknown as Config
}

/** True for addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

function address(text: string): Address {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:]+):(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (!match || port > 65535) throw new Error('must be host:port')
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port }
}

function databaseUrl(text: string): string | null {
  if (text === '') return null
  if (!/^postgres(ql)?:\/\//.test(text)) throw new Error('must be a postgres:// URL')
  return text
}

function fileOrUrl(text: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text) && !(/^https?:/i.test(text) && URL.canParse(text)))
    throw new Error('must be a file or an http(s) URL')
  return text
}

function nonEmpty(text: string): string {
  if (text === '') throw new Error('must not be empty')
  return text
}

function initialKeys(text: string): readonly string[] {
  const pairs = text === '' ? [] : text.split(',').map((pair) => pair.trim())
  for (const pair of pairs) {
    if (!/^(ingest|check|read|admin):.{16,}$/.test(pair))
      throw new Error('must be role:secret, secrets of 16 characters or more')
  }
  return pairs
}

function oneOf(...allowed: readonly string[]): (text: string) => string {
  return (text) => {
    if (!allowed.includes(text)) throw new Error(`must be one of ${allowed.join(', ')}`)
    return text
  }
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new Error(`must be a whole number from ${min} to ${max}`)
    return value
  }
}
