import { expect, test } from 'vitest'
import { type CollectorConfig, text, yaml } from './files.ts'

const config = yaml<CollectorConfig>('otel-collector-config.yaml')
const kafka = yaml<CollectorConfig>('deploy/otel-collector-kafka.yaml')
const pipeline = config.service.pipelines.traces!

test('the memory limiter is first and nothing buffers in memory before the durable queue', () => {
  expect(pipeline.processors[0]).toBe('memory_limiter')
  expect(pipeline.processors.filter((p) => /^(batch|groupbytrace|tail_sampling)/.test(p))).toEqual([])
  expect(Object.keys(config.processors).sort()).toEqual([...pipeline.processors].sort())
  expect(pipeline.processors.indexOf('filter/genai')).toBeLessThan(
    pipeline.processors.indexOf('transform/redact'),
  )
})

test.each([
  ['otlp_http/aforo', config, config],
  ['kafka/aforo', kafka, config],
])('%s keeps usage on disk, retries for ever and never drops', (name, { exporters, service }, base) => {
  const exporter = exporters[name]!
  expect(service.pipelines.traces!.exporters).toEqual([name])
  expect(exporter.retry_on_failure).toMatchObject({ enabled: true, max_elapsed_time: '0s' })
  expect(exporter.sending_queue.block_on_overflow).toBe(true)
  expect(base.service.extensions).toContain(exporter.sending_queue.storage)
  expect(base.extensions[exporter.sending_queue.storage]).toMatchObject({ fsync: true })
})

test('Aforo and its key come from the environment', () => {
  const exporter = config.exporters['otlp_http/aforo']!
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the Collector's own substitution.
  expect(exporter.endpoint).toBe('${env:AFORO_OTLP_ENDPOINT}')
  expect(exporter.headers).toEqual({ authorization: 'Bearer ${env:AFORO_INGEST_KEY}' })
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: as above.
})

test('batches stay below what Aforo takes in one request', () => {
  expect(config.exporters['otlp_http/aforo']!.sending_queue.batch!.max_size).toBeLessThan(67_108_864)
})

test('Kafka acknowledges from all replicas', () => {
  expect(kafka.exporters['kafka/aforo']!.producer!.required_acks).toBe(-1)
})

test('the small distribution holds every component the configurations name, in one version', () => {
  const manifest = text('deploy/otelcol-builder.yaml')
  const modules: Record<string, string> = {
    otlp: 'receiver/otlpreceiver',
    memory_limiter: 'processor/memorylimiterprocessor',
    filter: 'processor/filterprocessor',
    transform: 'processor/transformprocessor',
    otlp_http: 'exporter/otlphttpexporter',
    kafka: 'exporter/kafkaexporter',
    health_check: 'extension/healthcheckextension',
    file_storage: 'extension/storage/filestorage',
  }
  const used = [
    ...config.service.extensions,
    ...pipeline.receivers,
    ...pipeline.processors,
    ...pipeline.exporters,
    ...kafka.service.pipelines.traces!.exporters,
  ].map((id) => id.split('/')[0]!)
  for (const type of used) expect(manifest, type).toMatch(new RegExp(`/${modules[type]} v0\\.159\\.0$`, 'm'))
  expect(new Set(manifest.match(/ v0\.\d+\.\d+$/gm))).toEqual(new Set([' v0.159.0']))
})
