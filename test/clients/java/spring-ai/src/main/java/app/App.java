package app;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import java.util.List;
import org.springframework.ai.anthropic.AnthropicChatModel;
import org.springframework.ai.anthropic.AnthropicChatOptions;
import org.springframework.ai.chat.client.ChatClient;
import org.springframework.ai.embedding.EmbeddingRequest;
import org.springframework.ai.google.genai.GoogleGenAiChatModel;
import org.springframework.ai.google.genai.GoogleGenAiChatOptions;
import org.springframework.ai.openai.OpenAiChatModel;
import org.springframework.ai.openai.OpenAiChatOptions;
import org.springframework.ai.openai.OpenAiEmbeddingModel;
import org.springframework.ai.openai.OpenAiEmbeddingOptions;
import org.springframework.ai.tool.annotation.Tool;
import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/**
 * What an application does with Spring AI's chat client: answers, streams, tool loops, cached and reasoning tokens, calls that
 * succeed at the second attempt and some that are refused; and an embedding.
 */
@SpringBootApplication
public class App {
  public static void main(String[] args) {
    System.exit(SpringApplication.exit(SpringApplication.run(App.class, args)));
  }

  public static class Weather {
    @Tool(description = "The weather.")
    public String weather(String city) {
      return "sunny";
    }
  }

  private ChatClient openai;
  private ChatClient anthropic;
  private ChatClient google;

  @Bean
  CommandLineRunner run(
      ObservationRegistry registry,
      OpenAiChatModel openai,
      AnthropicChatModel anthropic,
      GoogleGenAiChatModel google,
      OpenAiEmbeddingModel embeddings) {
    this.openai = ChatClient.builder(openai, registry, null, null).build();
    this.anthropic = ChatClient.builder(anthropic, registry, null, null).build();
    this.google = ChatClient.builder(google, registry, null, null).build();
    return args ->
        Observation.createNotStarted("handle request", registry)
            .observe(
                () -> {
                  chat("gpt-4.1-mini", "gpt-5-mini");
                  stream("gpt-5-mini");
                  chat("claude-haiku-4-5", "claude-opus-4-5");
                  chat("gemini-2.5-flash", "gemini-2.5-pro");
                  stream("gemini-2.5-pro");
                  answer("gpt-busy");
                  answer("claude-busy");
                  for (var model : List.of("gpt-retired", "claude-retired", "gemini-retired")) refused(model);
                  var options = OpenAiEmbeddingOptions.builder().model("text-embedding-3-small").build();
                  embeddings.call(new EmbeddingRequest(List.of("Oslo"), options));
                });
  }

  private void chat(String plain, String detailed) {
    answer(plain);
    stream(plain);
    ask(plain).tools(new Weather()).call().content();
    ask(plain).tools(new Weather()).stream().content().collectList().block();
    answer(detailed);
  }

  private void answer(String model) {
    ask(model).call().content();
  }

  private void stream(String model) {
    ask(model).stream().content().collectList().block();
  }

  private void refused(String model) {
    try {
      answer(model);
    } catch (RuntimeException expected) {
      return;
    }
    throw new IllegalStateException(model + " was not refused");
  }

  private ChatClient.ChatClientRequestSpec ask(String model) {
    var question = "What is the weather in Oslo?";
    if (model.startsWith("gpt"))
      return openai.prompt().user(question).options(OpenAiChatOptions.builder().model(model).streamUsage(true));
    if (model.startsWith("claude"))
      return anthropic.prompt().user(question).options(AnthropicChatOptions.builder().model(model).maxTokens(1000));
    return google.prompt().user(question).options(GoogleGenAiChatOptions.builder().model(model));
  }
}
