using System.Globalization;
using System.Text.Json;
using System.Threading.Channels;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary><c>GET /api/events</c>: server-sent events with ids; <c>Last-Event-ID</c> goes on where a connection broke off.</summary>
internal static class EventEndpoints
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    /// <summary>A stream ends after this and its reader goes on from the last id at the next, for which its credential is checked again.</summary>
    private static readonly TimeSpan OneStream = TimeSpan.FromMinutes(5);

    private static readonly Refusal TooMany = new(503, "too-many-listeners", "Too many listen", $"{EventFeed.MostListeners} connections listen already.") { RetryAfter = TimeSpan.FromSeconds(30) };

    public static async Task StreamAsync(HttpContext context, EventFeed feed, IRouteHistory history, Drain drain, TimeProvider time)
    {
        if (!TryReadLast(context.Request, out var last))
        {
            await RefuseAsync(context, new Refusal(400, "bad-event-id", "The event id cannot be read", "Last-Event-ID must be the id of an earlier event, a number."));
            return;
        }

        // A stream would otherwise hold the shutdown up for its whole grace; the client comes back to another replica.
        using var limit = new CancellationTokenSource(OneStream, time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, drain.Begun, limit.Token);
        ChannelReader<EventView>? listener = null;
        try
        {
            listener = await feed.ListenAsync(ends.Token);
            if (listener is null)
            {
                await RefuseAsync(context, TooMany);
                return;
            }

            await StreamAsync(context.Response, feed, history, listener, last, time, ends.Token);
        }
        catch (SessionMapUnavailableException) when (!context.Response.HasStarted)
        {
            await RefuseAsync(context, RouteEndpoints.MapUnavailable);
        }
        catch (Exception end) when (end is OperationCanceledException or SessionMapUnavailableException)
        {
            // The client left, or goes on from its last id at another connection: at once, where only this one's time was up.
            if (limit.IsCancellationRequested && !drain.IsDraining)
            {
                await SayRetryAsync(context, time);
            }
        }
        finally
        {
            feed.Leave(listener);
        }
    }

    /// <summary>A reader that takes nothing any more is not waited for.</summary>
    private static async Task SayRetryAsync(HttpContext context, TimeProvider time)
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(1), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, bound.Token);
        try
        {
            await context.Response.WriteAsync("retry: 50\n\n", either.Token);
        }
        catch (OperationCanceledException)
        {
            context.Abort();
        }
    }

    private static async Task StreamAsync(HttpResponse response, EventFeed feed, IRouteHistory history, ChannelReader<EventView> listener, long? last, TimeProvider time, CancellationToken cancellationToken)
    {
        var (first, newest) = await history.ReadEventRangeAsync(cancellationToken);
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        await response.WriteAsync("retry: 2000\n\n", cancellationToken);
        if (last > newest || (last is not null && last + 1 < first && first > 0))
        {
            // What was missed is not kept any more, or the map began anew: whoever shows the table reads it again.
            await response.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"id: {newest}\nevent: reset\ndata: {{}}\n\n"), cancellationToken);
            last = newest;
        }

        var sent = last ?? newest;
        for (IReadOnlyList<EventView> missed; (missed = await feed.ReadAsync(sent, cancellationToken)).Count > 0; sent = missed[^1].Number)
        {
            await WriteAsync(response, missed, cancellationToken);
        }

        await response.Body.FlushAsync(cancellationToken);
        while (await IsAnyAsync(listener, time, cancellationToken) is { } any)
        {
            if (!any)
            {
                await response.WriteAsync(": nothing new\n\n", cancellationToken);
            }

            while (listener.TryRead(out var happened))
            {
                if (happened.Number > sent)
                {
                    await WriteAsync(response, [happened], cancellationToken);
                    sent = happened.Number;
                }
            }

            await response.Body.FlushAsync(cancellationToken);
        }
    }

    /// <summary>False: nothing for a while, and a client behind a proxy must see that the connection lives. Null: the listener was let go.</summary>
    private static async Task<bool?> IsAnyAsync(ChannelReader<EventView> listener, TimeProvider time, CancellationToken cancellationToken)
    {
        using var bound = new CancellationTokenSource(Silence, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(bound.Token, cancellationToken);
        try
        {
            return await listener.WaitToReadAsync(either.Token) ? true : null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private static async Task WriteAsync(HttpResponse response, IReadOnlyList<EventView> events, CancellationToken cancellationToken)
    {
        foreach (var happened in events)
        {
            var data = JsonSerializer.Serialize(happened, RouteJson.Default.EventView);
            await response.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"id: {happened.Number}\nevent: {happened.Kind}\ndata: {data}\n\n"), cancellationToken);
        }
    }

    private static bool TryReadLast(HttpRequest request, out long? last)
    {
        last = null;
        string? text = request.Headers["Last-Event-ID"];
        text ??= request.Query["last_event_id"];
        if (string.IsNullOrEmpty(text))
        {
            return true;
        }

        var isNumber = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        last = number;
        return isNumber;
    }

    private static Task RefuseAsync(HttpContext context, Refusal refusal) => RefusalResponse.WriteAsync(context, refusal, ClientKind.Program);
}
