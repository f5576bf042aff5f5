// Package traced sets OpenTelemetry up as an application does: exporter and resource come from the OTEL_ variables.
package traced

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// Run starts tracing, runs the program in a span of the application and exports what is left.
func Run(program func(context.Context)) {
	ctx := context.Background()
	exporter := Must(otlptracehttp.New(ctx))
	attributes := Must(resource.New(ctx, resource.WithFromEnv(), resource.WithTelemetrySDK()))
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(attributes))
	otel.SetTracerProvider(provider)
	work, span := provider.Tracer("application").Start(ctx, "handle request")
	program(work)
	span.End()
	if err := provider.Shutdown(ctx); err != nil {
		panic(err)
	}
}

// Must ends the program where something failed that is not to.
func Must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
