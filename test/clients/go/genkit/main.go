// What an application does with Genkit: Google's, OpenAI's and Anthropic's models through its plugins.
package main

import (
	"context"
	"errors"
	"os"
	"time"

	"aforo.test/traced"
	"github.com/firebase/genkit/go/ai"
	"github.com/firebase/genkit/go/genkit"
	"github.com/firebase/genkit/go/plugins/anthropic"
	"github.com/firebase/genkit/go/plugins/compat_oai/openai"
	"github.com/firebase/genkit/go/plugins/googlegenai"
	"github.com/openai/openai-go/option"
)

type city struct {
	City string `json:"city"`
}

func main() { traced.Run(call) }

func call(ctx context.Context) {
	url := os.Getenv("PROVIDER_URL")
	g := genkit.Init(ctx, genkit.WithPlugins(
		&openai.OpenAI{APIKey: "none", Opts: []option.RequestOption{option.WithBaseURL(url + "/v1")}},
		&anthropic.Anthropic{APIKey: "none", BaseURL: url},
		&googlegenai.GoogleAI{APIKey: "none"},
	))
	weather := genkit.DefineTool(g, "weather", "The weather.", func(*ai.ToolContext, city) (string, error) { return "sunny", nil })
	ask := func(model string, options ...ai.GenerateOption) error {
		asked := append([]ai.GenerateOption{ai.WithModelName(model), ai.WithPrompt("What is the weather in Oslo?")}, options...)
		_, err := genkit.Generate(ctx, g, asked...)
		return err
	}
	stream := ai.WithStreaming(func(context.Context, *ai.ModelResponseChunk) error { return nil })
	long := ai.WithConfig(map[string]any{"max_tokens": 1000})
	answered := []error{
		ask("openai/gpt-4.1-mini"),
		ask("openai/gpt-4.1-mini", ai.WithTools(weather)),
		ask("openai/gpt-5-mini"),
		ask("openai/gpt-busy"),
		ask("googleai/gemini-2.5-flash"),
		ask("googleai/gemini-2.5-flash", ai.WithTools(weather)),
		ask("googleai/gemini-2.5-pro"),
		ask("googleai/gemini-2.5-pro", stream),
		ask("anthropic/claude-haiku-4-5", long),
		ask("anthropic/claude-haiku-4-5", long, stream),
		ask("anthropic/claude-haiku-4-5", long, ai.WithTools(weather)),
	}
	if err := errors.Join(answered...); err != nil {
		panic(err)
	}
	refused := []error{
		ask("openai/gpt-retired"),
		ask("googleai/gemini-busy"),
		ask("googleai/gemini-retired"),
		ask("anthropic/claude-retired", long),
	}
	for _, err := range refused {
		if err == nil {
			panic("not refused")
		}
	}
	enough := ai.WithStreaming(func(context.Context, *ai.ModelResponseChunk) error { return errors.New("enough") })
	if ask("googleai/gemini-slow", enough) == nil {
		panic("not left")
	}
	// The provider notices only now.
	time.Sleep(1500 * time.Millisecond)
}
