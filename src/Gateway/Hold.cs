using System.Globalization;
using Gateway.Waking;

namespace Gateway;

/// <summary>How long one request may still be held, and what it tells its client about having been held.</summary>
/// <param name="request">The request.</param>
/// <param name="options">The limits.</param>
/// <param name="time">Whose timestamp <paramref name="started"/> is.</param>
/// <param name="started">When the request came.</param>
internal readonly struct Hold(HttpRequest request, WakingOptions options, TimeProvider time, long started)
{
    /// <summary>Somebody looks at an empty tab: held for a short while only, and then shown what happens. A program is held to the end.</summary>
    public bool IsOfPerson => HttpMethods.IsGet(request.Method) && request.GetClientKind() is ClientKind.Navigation;

    public TimeSpan Left => Limit - Held is { Ticks: > 0 } left ? left : TimeSpan.Zero;

    /// <summary>Worked out when it is asked for, since a warm request never asks.</summary>
    private TimeSpan Limit => Shorter(Shorter(options.HoldLimit, IsOfPerson ? options.PageAfter : null), Preferred(request));

    /// <summary><c>Server-Timing</c> (W3C): where the time of the hold went, and whether this request began the wake or joined one.</summary>
    public void Report(HttpResponse response, WakeOutcome.Awake awake)
    {
        var timing = awake.Timing;
        var hold = this;
        response.OnStarting(() =>
        {
            awake.Answered();
            response.Headers.Append("Server-Timing", string.Create(
                CultureInfo.InvariantCulture,
                $"hold;dur={hold.Held.TotalMilliseconds:0.0}, map;dur={timing.Map.TotalMilliseconds:0.0}, claim;dur={timing.Claim.TotalMilliseconds:0.0}, start;dur={timing.Start.TotalMilliseconds:0.0}, boot;dur={timing.Boot.TotalMilliseconds:0.0}, probe;dur={timing.Probe.TotalMilliseconds:0.0}, {(awake.Led ? "led" : "joined")}"));
            return Task.CompletedTask;
        });
    }

    private TimeSpan Held => time.GetElapsedTime(started);

    private static TimeSpan Shorter(TimeSpan limit, TimeSpan? other) => other is { } shorter && shorter < limit ? shorter : limit;

    /// <summary><c>Prefer: wait=N</c> (RFC 7240, 4.3), in seconds: a program may ask to be held for less.</summary>
    private static TimeSpan? Preferred(HttpRequest request)
    {
        foreach (var header in request.Headers["Prefer"])
        {
            foreach (var preference in (header ?? "").Split(','))
            {
                var parts = preference.Split(';')[0].Split('=', 2, StringSplitOptions.TrimEntries);
                if (parts.Length == 2 && parts[0].Equals("wait", StringComparison.OrdinalIgnoreCase) && uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
                {
                    return TimeSpan.FromSeconds(seconds);
                }
            }
        }

        return null;
    }
}
