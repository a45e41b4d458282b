using System.Collections.Concurrent;
using System.Net.Mime;
using System.Text.Json;
using System.Text.Json.Serialization;
using Gateway.Identity;
using Gateway.Idling;
using Gateway.Proxying;
using Gateway.Sessions;
using Microsoft.Net.Http.Headers;

namespace Gateway;

/// <summary>
/// <c>GET /.gateway/events</c>: how far the user's workspace is, as server-sent events while it changes, or once as JSON for whoever asks for that. It
/// neither wakes the machine nor counts as use of it.
/// </summary>
internal sealed class WorkspaceEvents(WorkspaceProgress progress, StopWarnings warnings, OpenWaits waits, Shutdown shutdown, TimeProvider time)
{
    public const string Path = "/.gateway/events";

    private static readonly TimeSpan LookWhileWaking = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LookWhileCalm = TimeSpan.FromSeconds(1);

    /// <summary>Under the idle cut of whatever is in front of us.</summary>
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    /// <summary>A stream ends after this and the browser opens the next, for which its sign-in is checked again.</summary>
    private static readonly TimeSpan OneStream = TimeSpan.FromMinutes(5);

    /// <summary>Enough for every tab of a person; not enough to run a replica out of memory.</summary>
    private const int MostStreamsPerUser = 50;

    private static readonly Refusal TooManyStreams = new(
        StatusCodes.Status429TooManyRequests, "too-many-streams", "Too many event streams", "Close some of this workspace's pages, or ask with Accept: application/json now and then instead.")
    {
        RetryAfter = TimeSpan.FromSeconds(30),
    };

    private readonly ConcurrentDictionary<UserId, int> _streams = new();

    public static void Map(IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet(Path, static (HttpContext context, WorkspaceEvents events) => events.AnswerAsync(context)).RequireAuthorization(IdentityPolicies.Workspace);

    private async Task AnswerAsync(HttpContext context)
    {
        var user = context.User.GetUserId();
        context.Response.Headers.CacheControl = "no-store";
        if (!AsksForEvents(context.Request))
        {
            await context.Response.WriteAsJsonAsync(Said(await progress.ReadAsync(user, context.RequestAborted)), EventJson.Default.Event, MediaTypeNames.Application.Json);
            return;
        }

        try
        {
            var open = _streams.AddOrUpdate(user, 1, static (_, open) => open + 1);
            await (open <= MostStreamsPerUser ? StreamAsync(context, user) : RefusalResponse.WriteAsync(context, TooManyStreams));
        }
        finally
        {
            if (_streams.AddOrUpdate(user, 0, static (_, open) => open - 1) == 0)
            {
                _streams.TryRemove(new(user, 0));
            }
        }
    }

    private async Task StreamAsync(HttpContext context, UserId user)
    {
        using var limit = new CancellationTokenSource(OneStream, time);
        using var wait = waits.Begin(user, context.User, context.RequestAborted);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(wait.Token, shutdown.Token, limit.Token);
        context.Response.ContentType = MediaTypeNames.Text.EventStream;
        try
        {
            await context.Response.WriteAsync("retry: 2000\n\n", over.Token);
            await TellAsync(context.Response, user, over.Token);
        }
        catch (OperationCanceledException)
        {
            // The client has left, its credential has ended, or its time is up and it asks again.
        }
    }

    private async Task TellAsync(HttpResponse response, UserId user, CancellationToken cancellationToken)
    {
        var told = "";
        var toldAt = time.GetTimestamp();
        var warned = false;
        while (true)
        {
            var report = await progress.ReadAsync(user, cancellationToken);
            var text = JsonSerializer.Serialize(Said(report), EventJson.Default.Event);
            // Its age alone is no news.
            var news = JsonSerializer.Serialize(Said(report with { Elapsed = TimeSpan.Zero, RetryAfter = null }), EventJson.Default.Event);
            if (news != told)
            {
                await SendAsync($"event: progress\ndata: {text}\n\n");
                told = news;
            }
            else if (time.GetElapsedTime(toldAt) > KeepAlive)
            {
                await SendAsync(":\n\n");
            }

            var sleepsIn = await SleepsInAsync(report, cancellationToken);
            if (sleepsIn is { } left && !warned)
            {
                var warning = JsonSerializer.Serialize(new StopWarning(Math.Ceiling(left.TotalSeconds), "/.gateway/keep"), EventJson.Default.StopWarning);
                await SendAsync($"event: stop-warning\ndata: {warning}\n\n");
            }
            else if (sleepsIn is null && warned)
            {
                await SendAsync("event: stop-averted\ndata: {}\n\n");
            }

            warned = sleepsIn is not null;
            await Task.Delay(report.IsOnItsWay ? LookWhileWaking : LookWhileCalm, time, cancellationToken);
        }

        async Task SendAsync(string text)
        {
            await response.WriteAsync(text, cancellationToken);
            await response.Body.FlushAsync(cancellationToken);
            toldAt = time.GetTimestamp();
        }
    }

    private async ValueTask<TimeSpan?> SleepsInAsync(ProgressReport report, CancellationToken cancellationToken)
    {
        try
        {
            return report.Awake is { } machine ? await warnings.SleepsInAsync(machine, cancellationToken) : null;
        }
        catch (SessionMapUnavailableException)
        {
            // Without the map nothing is put to sleep.
            return null;
        }
    }

    private static bool AsksForEvents(HttpRequest request) =>
        MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var accepted)
        && accepted.Any(static type => type.MediaType.Equals(MediaTypeNames.Text.EventStream, StringComparison.OrdinalIgnoreCase));

    private static Event Said(ProgressReport report) => new(
        report.State,
        Math.Round(report.Elapsed.TotalSeconds, 1),
        [.. report.Steps.Select(static step => new EventStep(step.Name, step.Text, WaitingPage.NameOf(step.State), step.Usual is { } usual ? Math.Round(usual.TotalSeconds, 1) : null))],
        report.Problem,
        report.RetryAfter is { } wait ? Math.Ceiling(wait.TotalSeconds) : null,
        report.Queue?.Position,
        report.Queue is { Wait: var turn } ? Math.Ceiling(turn.TotalSeconds) : null);
}

/// <summary>What an event says. Times are in seconds.</summary>
internal sealed record Event(string State, double Elapsed, IReadOnlyList<EventStep> Steps, string? Problem, double? RetryAfter, int? QueuePosition, double? ExpectedWait);

/// <summary>The machine is put to sleep in so many seconds, unless it is used, or <paramref name="Keep"/> is posted to.</summary>
internal sealed record StopWarning(double SleepsIn, string Keep);

/// <param name="State"><c>done</c>, <c>current</c> or <c>coming</c>.</param>
internal sealed record EventStep(string Name, string Text, string State, double? Usual);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Event))]
[JsonSerializable(typeof(StopWarning))]
internal sealed partial class EventJson : JsonSerializerContext;
