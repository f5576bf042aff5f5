/** Written once into a new cluster's postgresql.conf, where they may be edited afterwards. */
const INITIAL = {
  shared_buffers: '128MB',
  max_connections: '60',
  fsync: 'on',
  synchronous_commit: 'on',
  wal_compression: 'on',
  max_wal_size: '1GB',
  autovacuum: 'on',
  timezone: "'UTC'",
  log_timezone: "'UTC'",
  datestyle: "'iso, ymd'",
} as const

/** Given at every start, because what we do depends on them. */
export function startSettings(port: number, more: Readonly<Record<string, string>>): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    logging_collector: 'off',
    log_destination: 'stderr',
    log_min_messages: 'warning',
    log_checkpoints: 'off',
    // A statement that failed may hold what a customer wrote.
    log_min_error_statement: 'panic',
    ...more,
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

export function initialSettings(): string {
  const lines = Object.entries(INITIAL).map(([name, value]) => `${name} = ${value}\n`)
  return `\n# Aforo's, set when this database was created.\n${lines.join('')}`
}
