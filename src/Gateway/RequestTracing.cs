using System.Diagnostics;
using Microsoft.Extensions.Options;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Gateway;

/// <summary>Section <c>Tracing</c>. Where spans go is said in OpenTelemetry's own words: <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>; without it there are none.</summary>
internal sealed class TracingOptions
{
    public const string Section = "Tracing";

    /// <summary>The part of the requests for workspaces that is traced, from 0 to 1.</summary>
    public double SampleRatio { get; set; } = 0.01;
}

internal sealed class TracingOptionsValidation : IValidateOptions<TracingOptions>
{
    public ValidateOptionsResult Validate(string? name, TracingOptions options) =>
        options.SampleRatio is >= 0 and <= 1 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail("Tracing:SampleRatio must be between 0 and 1.");
}

/// <summary>
/// Decides at its beginning whether a request is traced. Everything below it makes a span only when there is one above, so a request that was not drawn
/// costs a draw and nothing else. What a client says of sampling is not obeyed: it would be theirs to decide what we pay for.
/// </summary>
internal sealed class RequestTracing(IOptions<TracingOptions> options, Random random)
{
    private readonly double _ratio = options.Value.SampleRatio;

    public bool Draws() => GatewayTelemetry.Source.HasListeners() && random.NextDouble() < _ratio;

    /// <summary>The span of a request that was drawn. It goes on with the client's trace, if the client names one (W3C Trace Context).</summary>
    public static Activity? Begin(HttpRequest request)
    {
        _ = ActivityContext.TryParse(request.Headers.TraceParent, request.Headers["tracestate"], isRemote: true, out var client);
        var span = GatewayTelemetry.Source.StartActivity(GatewayTelemetry.Request, ActivityKind.Server, client);
        span?.SetTag("http.request.method", request.Method);
        // Without the query: it may hold what nobody may read.
        span?.SetTag("url.path", request.Path.Value);
        return span;
    }
}

internal static class TracingSetup
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    public static void AddRequestTracing(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<TracingOptions>().BindConfiguration(TracingOptions.Section).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<TracingOptions>, TracingOptionsValidation>();
        if (builder.Configuration[Endpoint] is not { Length: > 0 })
        {
            return;
        }

        builder.Services.AddOpenTelemetry().WithTracing(static tracing => tracing
            .AddSource(GatewayTelemetry.SourceName)
            // Ours has decided already.
            .SetSampler(new AlwaysOnSampler())
            .ConfigureResource(static resource => resource.AddService("gateway").AddEnvironmentVariableDetector())
            .AddOtlpExporter());
    }
}
