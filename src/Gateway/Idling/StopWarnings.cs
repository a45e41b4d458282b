using System.Collections.Concurrent;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Idling;

/// <summary>
/// Knows shortly before a machine is put to sleep that it will be, for those who look at its pages. Asks the map as good as never: the moment only ever
/// moves forward, so what is far away is looked at again when it comes near.
/// </summary>
internal sealed class StopWarnings(IVisitMap map, Visits visits, IOptions<IdlingOptions> options, TimeProvider time)
{
    private const int MostRemembered = 10_000;

    private readonly ConcurrentDictionary<MachineId, Look> _looks = new();

    /// <summary>How long until the machine is put to sleep, once that is within the warning time and nothing on it says otherwise; null: not soon, or not known.</summary>
    public async ValueTask<TimeSpan?> SleepsInAsync(MachineId machine, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (visits.Of(machine) is { } here)
        {
            if (here.Requests > here.Polls)
            {
                return null;
            }

            if (IdleDecision.IsAttached(here, now, options.Value))
            {
                var attached = here.AttachedSince + options.Value.AttachedFor;
                var idle = here.LastActivity + options.Value.IdleAfter;
                return Near(attached > idle ? attached : idle, now);
            }
        }

        if (_looks.TryGetValue(machine, out var last) && now < last.LookAgain)
        {
            return last.IsCertain ? Near(last.Due, now) : null;
        }

        return await LookAsync(machine, last.Due, now, cancellationToken);
    }

    private async Task<TimeSpan?> LookAsync(MachineId machine, DateTimeOffset dueBefore, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (_looks.Count >= MostRemembered)
        {
            _looks.Clear();
        }

        // A replica with sockets moves the moment a little ahead again and again: only one that stood still between two reports is meant.
        var between = options.Value.ReportEvery * 1.5;
        if (await map.DueAtAsync(machine, cancellationToken) is not { } due)
        {
            _looks[machine] = new Look(default, now + between, IsCertain: false);
            return null;
        }

        var warnFrom = due - options.Value.WarnBefore;
        var isCertain = due == dueBefore && warnFrom <= now;
        _looks[machine] = new Look(due, warnFrom > now + between ? warnFrom : now + between, isCertain);
        return isCertain ? Near(due, now) : null;
    }

    private TimeSpan? Near(DateTimeOffset due, DateTimeOffset now)
    {
        var left = due - now;
        return left > options.Value.WarnBefore ? null : left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private readonly record struct Look(DateTimeOffset Due, DateTimeOffset LookAgain, bool IsCertain);
}
