using System.Net;
using Microsoft.Extensions.Http.Resilience;
using Microsoft.Extensions.Options;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace Gateway.Machines;

/// <summary>What is tried again, how long a try may take, and when the API is left alone. Around each call, inside its turn under the rates.</summary>
internal static class MachinesResilience
{
    /// <summary>Which call a request is.</summary>
    public static readonly HttpRequestOptionsKey<MachinesCall> Call = new("gateway.machines.call");

    /// <summary>The API's own wait takes up to a minute; an answer needs a little longer to arrive.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(65);

    public static void AddMachinesPipeline(this IHttpClientBuilder builder) => builder.AddResilienceHandler(MachinesClient.Name, (pipeline, context) =>
    {
        var options = context.ServiceProvider.GetRequiredService<IOptions<MachinesOptions>>().Value;
        pipeline.TimeProvider = context.ServiceProvider.GetRequiredService<TimeProvider>();
        pipeline.AddRetry(Retry);
        pipeline.AddCircuitBreaker(Breaker());
        pipeline.AddTimeout(new TimeoutStrategyOptions
        {
            TimeoutGenerator = arguments => new(CallOf(arguments.Context) is MachinesCall.Wait ? LongestWait : options.CallTimeout),
        });
    });

    private static HttpRetryStrategyOptions Retry { get; } = new()
    {
        MaxRetryAttempts = 2,
        BackoffType = DelayBackoffType.Exponential,
        UseJitter = true,
        Delay = TimeSpan.FromMilliseconds(300),
        MaxDelay = TimeSpan.FromSeconds(3),
        ShouldHandle = arguments => new(ShouldRetry(arguments)),
        // A server that names a long time is obeyed by the caller, who has a budget; here it would only hold the turn.
        DelayGenerator = static arguments => new(arguments.Outcome.Result?.Headers.RetryAfter?.Delta is { } delta && delta <= TimeSpan.FromSeconds(3) ? delta : null),
    };

    private static HttpCircuitBreakerStrategyOptions Breaker() => new()
    {
        FailureRatio = 0.8,
        MinimumThroughput = 20,
        SamplingDuration = TimeSpan.FromSeconds(10),
        BreakDuration = TimeSpan.FromSeconds(5),
        // Answers with a 4xx prove that the API is there; a wait that took its time proves nothing.
        ShouldHandle = static arguments => new(CallOf(arguments.Context) is not MachinesCall.Wait
            && (arguments.Outcome.Result is { StatusCode: >= HttpStatusCode.InternalServerError } || IsBroken(arguments.Outcome.Exception))),
    };

    /// <summary>A refused rate was certainly not carried out; anything else is repeated only where repeating changes nothing.</summary>
    private static bool ShouldRetry(RetryPredicateArguments<HttpResponseMessage> arguments)
    {
        if (arguments.Outcome.Result is { } response)
        {
            return response.StatusCode is HttpStatusCode.TooManyRequests
                || (response.StatusCode >= HttpStatusCode.InternalServerError && Repeatable(arguments.Context));
        }

        return IsBroken(arguments.Outcome.Exception) && Repeatable(arguments.Context);
    }

    private static bool Repeatable(ResilienceContext context) => CallOf(context) is { } call && MachinesAnswers.IsRepeatable(call);

    private static bool IsBroken(Exception? exception) => exception is HttpRequestException or TimeoutRejectedException or IOException;

    private static MachinesCall? CallOf(ResilienceContext context) =>
        context.GetRequestMessage() is { } request && request.Options.TryGetValue(Call, out var call) ? call : null;
}
