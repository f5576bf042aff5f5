// What an application does with Anthropic's SDK: messages, streams, a tool loop, a cached prompt, a call that succeeds at the
// second attempt, one that is refused, and streams that it leaves. The SDK makes the spans.
package main

import (
	"context"
	"os"
	"time"

	"aforo.test/traced"
	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/anthropics/anthropic-sdk-go/v2/option"
	"github.com/anthropics/anthropic-sdk-go/v2/toolrunner"
)

type city struct {
	City string `json:"city" jsonschema:"required"`
}

func main() { traced.Run(call) }

func call(ctx context.Context) {
	client := anthropic.NewClient(option.WithBaseURL(os.Getenv("PROVIDER_URL")), option.WithAPIKey("none"))
	question := anthropic.NewUserMessage(anthropic.NewTextBlock("What is the weather in Oslo?"))
	ask := func(model string) anthropic.MessageNewParams {
		return anthropic.MessageNewParams{Model: model, MaxTokens: 1000, Messages: []anthropic.MessageParam{question}}
	}
	for _, model := range []string{"claude-haiku-4-5", "claude-opus-4-5"} {
		traced.Must(client.Messages.New(ctx, ask(model)))
		stream := client.Messages.NewStreaming(ctx, ask(model))
		for stream.Next() {
		}
		if stream.Err() != nil {
			panic(stream.Err())
		}
	}
	weather := traced.Must(toolrunner.NewBetaToolFromJSONSchema("weather", "The weather.",
		func(context.Context, city) (anthropic.BetaToolResultBlockParamContentUnion, error) {
			return anthropic.BetaToolResultBlockParamContentUnion{OfText: &anthropic.BetaTextBlockParam{Text: "sunny"}}, nil
		}))
	runner := client.Beta.Messages.NewToolRunner([]anthropic.BetaTool{weather}, anthropic.BetaToolRunnerParams{
		BetaMessageNewParams: anthropic.BetaMessageNewParams{
			Model:     "claude-haiku-4-5",
			MaxTokens: 1000,
			Messages:  []anthropic.BetaMessageParam{anthropic.NewBetaUserMessage(anthropic.NewBetaTextBlock("And in Bergen?"))},
		},
		DisableThread: true,
	})
	traced.Must(runner.RunToCompletion(ctx))
	traced.Must(client.Messages.New(ctx, ask("claude-busy")))
	if _, err := client.Messages.New(ctx, ask("claude-retired")); err == nil {
		panic("not refused")
	}
	left := client.Messages.NewStreaming(ctx, ask("claude-slow"))
	left.Next()
	left.Close()
	cancelled, cancel := context.WithCancel(ctx)
	left = client.Messages.NewStreaming(cancelled, ask("claude-slow"))
	left.Next()
	cancel()
	for left.Next() {
	}
	// The provider notices only now.
	time.Sleep(1500 * time.Millisecond)
}
