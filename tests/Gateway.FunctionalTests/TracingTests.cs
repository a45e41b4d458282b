using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Workspaces;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.FunctionalTests;

/// <summary>The spans of requests through a whole gateway: how they stand to each other, what the workspace is told, and that a collector gets them.</summary>
public sealed class TracingTests
{
    private const string ClientSpan = "00f067aa0ba902b7";

    private static readonly (string, string) All = ("Tracing:SampleRatio", "1");

    [Fact]
    public async Task RequestThatWakesItsMachine_IsOneTrace_FromTheClientToThePlatformAndTheWorkspace()
    {
        using var spans = new Spans();
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(All);
        var trace = ActivityTraceId.CreateRandom();

        var told = await TraceParentToldAsync(gateway, "alice", $"00-{trace}-{ClientSpan}-00");
        await Eventually.HoldsAsync(() => spans.Of(trace, GatewayTelemetry.Request).Length == 1 && spans.Of(trace, GatewayTelemetry.Wake).Length == 1);

        var request = spans.Of(trace, GatewayTelemetry.Request)[0];
        var hold = Assert.Single(spans.Of(trace, GatewayTelemetry.Hold));
        var wake = spans.Of(trace, GatewayTelemetry.Wake)[0];
        var forward = Assert.Single(spans.Of(trace, GatewayTelemetry.Forward));
        Assert.Equal((ClientSpan, request.SpanId, hold.SpanId, request.SpanId), (request.ParentSpanId.ToString(), hold.ParentSpanId, wake.ParentSpanId, forward.ParentSpanId));
        Assert.Contains(spans.Of(trace, GatewayTelemetry.MachinesCall), call => call.ParentSpanId == wake.SpanId && Equals(call.GetTagItem("gateway.call"), "Start"));
        Assert.Equal($"00-{trace}-{forward.SpanId}-01", told);
    }

    [Fact]
    public async Task RequestsHeldForOneWake_AreAllLinkedToIt_AcrossTheirTraces()
    {
        using var spans = new Spans();
        await using var cloud = await GatewayEnvironment.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromSeconds(1));
        var gateway = await cloud.StartGatewayAsync(All);
        ActivityTraceId[] traces = [ActivityTraceId.CreateRandom(), ActivityTraceId.CreateRandom(), ActivityTraceId.CreateRandom()];

        await Task.WhenAll(traces.Select(trace => TraceParentToldAsync(gateway, "alice", $"00-{trace}-{ClientSpan}-01")));
        await Eventually.HoldsAsync(() => traces.Sum(trace => spans.Of(trace, GatewayTelemetry.Wake).Length) == 1);

        var wake = traces.SelectMany(trace => spans.Of(trace, GatewayTelemetry.Wake)).Single();
        Assert.All(traces, trace => Assert.Equal(wake.SpanId, Assert.Single(Assert.Single(spans.Of(trace, GatewayTelemetry.Hold)).Links).Context.SpanId));
    }

    [Fact]
    public async Task RequestHeldForAWakeThatNoTracedRequestBegan_IsLinkedToIt()
    {
        using var spans = new Spans();
        await using var cloud = await GatewayEnvironment.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromSeconds(1));
        var gateway = await cloud.StartGatewayAsync(All);
        using var operators = gateway.OperatorClient();
        using var alice = gateway.ClientOf("alice");
        await alice.GetAsync("/");
        using var stopped = await operators.PostAsync("/api/routes/alice/stop", null);
        await Eventually.HoldsAsync(async () => (await operators.GetStringAsync("/api/routes/alice")).Contains("\"state\":\"asleep\"", StringComparison.Ordinal));
        var trace = ActivityTraceId.CreateRandom();

        using var asked = await operators.PostAsync("/api/routes/alice/wake", null);
        await TraceParentToldAsync(gateway, "alice", $"00-{trace}-{ClientSpan}-01");
        await Eventually.HoldsAsync(() => spans.Of(trace, GatewayTelemetry.Hold).Length == 1);

        var wake = Assert.Single(Assert.Single(spans.Of(trace, GatewayTelemetry.Hold)).Links).Context;
        Assert.NotEqual(trace, wake.TraceId);
        await Eventually.HoldsAsync(() => spans.Of(wake.TraceId, GatewayTelemetry.Wake).Length == 1);
        Assert.NotEmpty(spans.Of(wake.TraceId, GatewayTelemetry.MachinesCall));
    }

    [Fact]
    public async Task RequestThatIsNotDrawn_HasNoSpan_AndItsOwnHeaderPassesWhateverTheClientSaysOfSampling()
    {
        using var spans = new Spans();
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Tracing:SampleRatio", "0"));
        var trace = ActivityTraceId.CreateRandom();

        var told = await TraceParentToldAsync(gateway, "alice", $"00-{trace}-{ClientSpan}-01");

        Assert.Equal($"00-{trace}-{ClientSpan}-01", told);
        Assert.Empty(spans.Of(trace));
    }

    [Fact]
    public async Task CollectorThatTheEnvironmentNames_GetsTheSpans_AndNoQuery()
    {
        await using var collector = await Collector.StartAsync();
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(
            All, ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Url), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_BSP_SCHEDULE_DELAY", "100"));
        using var alice = gateway.ClientOf("alice");

        using var answer = await alice.GetAsync("/traced?secret=fake-secret");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await Eventually.HoldsAsync(() => collector.Has("/traced"));
        Assert.True(collector.Has(GatewayTelemetry.Request) && collector.Has(GatewayTelemetry.Forward));
        Assert.False(collector.Has("fake-secret"));
    }

    private static async Task<string?> TraceParentToldAsync(RunningGateway gateway, string user, string sent)
    {
        // Without a span of the test's own, the client sends what it is given.
        Activity.Current = null;
        using var client = gateway.ClientOf(user);
        client.DefaultRequestHeaders.Add("traceparent", sent);
        var answer = JsonNode.Parse(await client.GetStringAsync("/"))!;
        return answer["headers"]!.AsObject().Single(static header => header.Key.Equals("traceparent", StringComparison.OrdinalIgnoreCase)).Value!.GetValue<string>();
    }

    /// <summary>What ended of the gateways in this process; those of other tests are told apart by their traces.</summary>
    private sealed class Spans : IDisposable
    {
        private readonly ConcurrentQueue<Activity> _ended = new();
        private readonly ActivityListener _listener;

        public Spans()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = static source => source.Name == GatewayTelemetry.SourceName,
                Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = _ended.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public Activity[] Of(ActivityTraceId trace, string? name = null) => [.. _ended.Where(span => span.TraceId == trace && (name is null || span.OperationName == name))];

        public void Dispose() => _listener.Dispose();
    }

    /// <summary>Takes what an exporter sends (OTLP over HTTP). Text stands in it as it is.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly ConcurrentQueue<string> _bodies = new();
        private readonly WebApplication _app;

        private Collector(WebApplication app) => _app = app;

        public string Url => _app.Urls.Single();

        public static async Task<Collector> StartAsync()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            var app = builder.Build();
            var collector = new Collector(app);
            app.MapPost("/v1/traces", async (HttpContext context) =>
            {
                using var body = new MemoryStream();
                await context.Request.Body.CopyToAsync(body, context.RequestAborted);
                collector._bodies.Enqueue(Encoding.Latin1.GetString(body.ToArray()));
            });
            await app.StartAsync();
            return collector;
        }

        public bool Has(string text) => _bodies.Any(body => body.Contains(text, StringComparison.Ordinal));

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }
}
