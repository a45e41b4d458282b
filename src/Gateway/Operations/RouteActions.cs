using System.Text.Json;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>Until when a machine is kept from idle stops.</summary>
internal sealed record PinRequest(DateTimeOffset? Until);

/// <summary>What operators do to a route's own records: keep it from idle stops, and let nothing new in. Each may be repeated and does nothing more then.</summary>
internal sealed class RouteActions(ISessionMap map, RouteSources sources, Trail trail, TimeProvider time)
{
    private static readonly TimeSpan LongestPin = TimeSpan.FromDays(366);

    /// <summary>Until null: the pin ends now. Null: done.</summary>
    public async Task<Refusal?> PinAsync(FoundRoute route, DateTimeOffset? until, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (until is { } moment && (moment <= now || moment > now + LongestPin))
        {
            return new Refusal(400, "bad-pin", "The pin cannot be read", "Send {\"until\":\"<a time to come, at most a year away, as 2030-01-31T12:00:00Z>\"}.");
        }

        if (route.Machine is not { } record)
        {
            return new Refusal(409, "no-machine-yet", "No machine to pin", "Nothing was written of a machine of this route yet.") { GatewayState = route.Route.State };
        }

        if (record.PinnedUntil == until)
        {
            return null;
        }

        var write = await map.WriteAsync(record with { PinnedUntil = until }, cancellationToken);
        if (!write.Won)
        {
            return Changed;
        }

        if (until is null && record.State is MachineRecordState.Awake)
        {
            // The sweep had put its next look off until the pin's end.
            await sources.LookAgainAsync(record.Machine, cancellationToken);
        }

        trail.Add(record.Machine, "operator", until is null ? "unpinned" : "pinned", "an operator asked for it");
        return null;
    }

    public async Task<Refusal?> CloseAsync(FoundRoute route, bool closed, CancellationToken cancellationToken)
    {
        if (route.Session.ClosedAt is not null == closed)
        {
            return null;
        }

        if (!(await map.WriteAsync(route.Session with { ClosedAt = closed ? time.GetUtcNow() : null }, cancellationToken)).Won)
        {
            return Changed;
        }

        if (route.Session.Machine is { } machine)
        {
            trail.Add(machine, "operator", closed ? "closed" : "opened", "an operator asked for it");
        }

        return null;
    }

    /// <summary>Null: it is not one.</summary>
    public static async Task<PinRequest?> ReadPinAsync(Stream body, CancellationToken cancellationToken)
    {
        try
        {
            return await JsonSerializer.DeserializeAsync(body, RouteJson.Default.PinRequest, cancellationToken) is { Until: not null } pin ? pin : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static Refusal Changed => new(409, "changed-meanwhile", "The route changed meanwhile", "Read the route again and decide anew.");
}
