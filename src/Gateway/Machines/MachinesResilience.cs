using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Http.Resilience;
using Polly;
using Polly.RateLimiting;
using Polly.Retry;
using Polly.Timeout;

namespace Gateway.Machines;

/// <summary>What is tried again and when, each try in its turn under the rates; how long a try may take; and when the API is left alone.</summary>
internal static class MachinesResilience
{
    public static readonly HttpRequestOptionsKey<MachinesTurn> Turn = new("gateway.machines.turn");

    private const int Retries = 2;

    /// <summary>Nothing is tried again later than this after its first try: callers have budgets of their own.</summary>
    private static readonly TimeSpan RetryFor = TimeSpan.FromSeconds(15);

    /// <summary>An API that names a longer time is obeyed by the caller, who may have better to do.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(3);

    public static IHttpClientBuilder AddMachinesPipeline(this IHttpClientBuilder builder)
    {
        builder.AddResilienceHandler(MachinesClient.Name, static (pipeline, context) => Build(pipeline, context.ServiceProvider));
        return builder;
    }

    private static void Build(ResiliencePipelineBuilder<HttpResponseMessage> pipeline, IServiceProvider services)
    {
        var time = services.GetRequiredService<TimeProvider>();
        var rates = services.GetRequiredService<MachinesRates>();
        pipeline.TimeProvider = time;
        // It would log every try at Information, with the whole text of an exception.
        pipeline.TelemetryListener = null;
        pipeline.AddRetry(Retry(time));
        pipeline.AddRateLimiter(new RateLimiterStrategyOptions
        {
            RateLimiter = async arguments =>
            {
                var turn = TurnOf(arguments.Context);
                var lease = await rates.AcquireAsync(turn.Call, turn.Key, arguments.Context.CancellationToken);
                turn.FirstTry ??= time.GetTimestamp();
                return lease;
            },
        });
        pipeline.AddCircuitBreaker(Breaker(services.GetRequiredService<ILogger<MachinesClient>>()));
        pipeline.AddTimeout(new TimeoutStrategyOptions { TimeoutGenerator = static arguments => new(TurnOf(arguments.Context).Limit) });
    }

    private static HttpRetryStrategyOptions Retry(TimeProvider time) => new()
    {
        MaxRetryAttempts = Retries,
        BackoffType = DelayBackoffType.Exponential,
        UseJitter = true,
        Delay = TimeSpan.FromMilliseconds(300),
        MaxDelay = LongestPause,
        ShouldHandle = arguments => new(ShouldRetry(arguments, time)),
        DelayGenerator = arguments => new(PauseAfter(arguments.Outcome.Result, time)),
    };

    private static HttpCircuitBreakerStrategyOptions Breaker(ILogger logger) => new()
    {
        FailureRatio = 0.8,
        MinimumThroughput = 20,
        SamplingDuration = TimeSpan.FromSeconds(10),
        BreakDuration = TimeSpan.FromSeconds(5),
        ShouldHandle = static arguments => new(ProvesOutage(TurnOf(arguments.Context).Call, arguments.Outcome)),
        OnOpened = arguments =>
        {
            MachinesLog.LeftAlone(logger, arguments.BreakDuration);
            return default;
        },
        OnClosed = _ =>
        {
            MachinesLog.Recovered(logger);
            return default;
        },
    };

    /// <summary>
    /// A 4xx proves that the API is there. A <c>wait</c> that took its time proves nothing, and a 503 to a creation may be the region's capacity.
    /// </summary>
    private static bool ProvesOutage(MachinesCall call, Outcome<HttpResponseMessage> outcome) => outcome.Result switch
    {
        { StatusCode: HttpStatusCode.ServiceUnavailable } => call is not (MachinesCall.Create or MachinesCall.CreateVolume or MachinesCall.Wait),
        { StatusCode: >= HttpStatusCode.InternalServerError } => call is not MachinesCall.Wait,
        _ => IsBroken(outcome.Exception) && call is not MachinesCall.Wait,
    };

    /// <summary>A call refused for its rate was certainly not carried out; anything else is repeated only where repeating changes nothing.</summary>
    private static bool ShouldRetry(RetryPredicateArguments<HttpResponseMessage> arguments, TimeProvider time)
    {
        var turn = TurnOf(arguments.Context);
        if (turn.FirstTry is not { } first || time.GetElapsedTime(first) > RetryFor)
        {
            return false;
        }

        return arguments.Outcome.Result is { } response
            ? MayRepeat(turn.Call, response.StatusCode) && !(PauseAfter(response, time) > LongestPause)
            : IsBroken(arguments.Outcome.Exception) && turn.Call.IsRepeatable();
    }

    private static bool MayRepeat(MachinesCall call, HttpStatusCode status) =>
        status is HttpStatusCode.TooManyRequests || (status >= HttpStatusCode.InternalServerError && call.IsRepeatable());

    /// <summary>Null: as the back-off has it. The documented rates refill once a second, so less would be refused again.</summary>
    private static TimeSpan? PauseAfter(HttpResponseMessage? response, TimeProvider time) => response switch
    {
        { Headers.RetryAfter: { } header } => MachinesAnswers.RetryAfter(header, time.GetUtcNow()),
        { StatusCode: HttpStatusCode.TooManyRequests } => TimeSpan.FromSeconds(1 + Random.Shared.NextDouble()),
        _ => null,
    };

    /// <summary>A socket's exception comes bare where the other side resets a connection the moment it is made: the client then asks the socket whom it is connected to.</summary>
    public static bool IsBroken(Exception? exception) => exception is HttpRequestException or SocketException or TimeoutRejectedException or IOException;

    private static MachinesTurn TurnOf(ResilienceContext context) =>
        context.GetRequestMessage() is { } request && request.Options.TryGetValue(Turn, out var turn)
            ? turn
            : throw new InvalidOperationException("Only the Machines client uses this pipeline.");
}
