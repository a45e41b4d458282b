using Gateway.Machines;

namespace Gateway.Waking;

/// <summary>From an accepted start to a good answer.</summary>
internal sealed partial class WakeInFlight
{
    /// <summary>A machine that is stopped each time it boots is not started for ever.</summary>
    private const int MostRestarts = 2;

    /// <summary>How far the platform's clock and ours may be apart.</summary>
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Probes the machine and, beside that, watches what the platform says of it: whichever knows first decides. Neither waits for the other, so a slow
    /// platform costs a ready machine nothing. Only the machine itself says that it is awake.
    /// </summary>
    private async Task<BootResult> BecomeReadyAsync(long boot, CancellationToken cancellationToken)
    {
        var begun = _time.GetUtcNow();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var started = _time.GetTimestamp();
        await using var probing = new BootProbe(_probe, new(_request.Machine, boot, "", _request.User, new ProbePace(started, null)), LookEvery, TookConnection, over.Token);
        var looking = LookAfterAsync(TimeSpan.Zero, over.Token);
        var watched = new Watched(_time.GetUtcNow(), _resumes);
        try
        {
            while (LimitOf(begun, watched) - _time.GetUtcNow() is { Ticks: > 0 } left)
            {
                await Task.WhenAny(probing.Turn(left), looking);
                if (await probing.IsReadyAsync())
                {
                    return Ready();
                }

                if (!looking.IsCompleted)
                {
                    continue;
                }

                var (refusal, nextLook) = await JudgeAsync(await looking, watched, cancellationToken);
                if (refusal is { } reason)
                {
                    return BootResult.Failed(reason);
                }

                await probing.AimAsync(watched.Address, new ProbePace(started, _times.Expect(watched.Kind)));
                looking = LookAfterAsync(nextLook, over.Token);
            }

            // It may have answered at the very end.
            if (await probing.IsReadyAsync())
            {
                return Ready();
            }
        }
        finally
        {
            over.Cancel();
        }

        return BootResult.Failed(watched.SeenAt is not null ? WakeRefusal.NeverHealthy : WakeRefusal.PlatformUnavailable);

        BootResult Ready()
        {
            _kind = watched.Kind;
            return BootResult.Ready(probing.Address, watched.Region);
        }
    }

    private void TookConnection()
    {
        _tookConnection = true;
        Progress.Reach(WakeStep.Checking);
    }

    /// <summary>A resume is quick or comes to nothing; its time counts from when the platform first told of it.</summary>
    private DateTimeOffset LimitOf(DateTimeOffset begun, Watched watched)
    {
        var limit = begun + _options.BootLimit;
        return _resumes && watched.SeenAt is { } seen && seen + _options.ResumeLimit < limit ? seen + _options.ResumeLimit : limit;
    }

    private async Task<MachinesResult<Machine>> LookAfterAsync(TimeSpan pause, CancellationToken cancellationToken)
    {
        if (pause > TimeSpan.Zero)
        {
            await Task.Delay(pause, _time, cancellationToken);
        }

        return await _machines.GetAsync(_request.App, _request.Machine, cancellationToken);
    }

    /// <summary>What a reading of the machine means for this boot, and when to look again.</summary>
    private async Task<(WakeRefusal? Refusal, TimeSpan NextLook)> JudgeAsync(MachinesResult<Machine> read, Watched watched, CancellationToken cancellationToken)
    {
        if (!read.IsOk)
        {
            return (read.Failure.Kind is MachinesFailureKind.NotFound ? WakeRefusal.Gone : null, watched.Address is null ? ShortestPause : LookEvery);
        }

        var machine = read.Value;
        watched.See(machine, _time.GetUtcNow());
        if (machine.HostUnreachable)
        {
            return (WakeRefusal.HostUnreachable, default);
        }

        if (machine.State is PlatformState.Destroyed)
        {
            return (WakeRefusal.Gone, default);
        }

        if (machine.State is not (PlatformState.Stopped or PlatformState.Suspended or PlatformState.Failed))
        {
            watched.AtRest = 0;
            return (null, machine.PrivateAddress is null ? ShortestPause : LookEvery);
        }

        if (CrashOf(machine, since: watched.Started) is { } crash)
        {
            return (crash, default);
        }

        // It rests without having crashed: an old reading, or somebody stopped it meanwhile. Seen twice, it is the latter.
        if (++watched.AtRest < 2)
        {
            return (null, ShortestPause);
        }

        if (watched.Restarts++ == MostRestarts)
        {
            return (CrashOf(machine, since: DateTimeOffset.MinValue) ?? WakeRefusal.NeverHealthy, default);
        }

        var refusal = await StartAsync(cancellationToken);
        watched.Started = _time.GetUtcNow();
        watched.AtRest = 0;
        return (refusal, ShortestPause);
    }

    /// <summary>Why its process ended by itself after <paramref name="since"/>, if it did.</summary>
    private static WakeRefusal? CrashOf(Machine machine, DateTimeOffset since)
    {
        var exit = machine.Events.Where(static happened => happened.Type == "exit").MaxBy(static happened => happened.At);
        return exit switch
        {
            null or { Requested: true } => null,
            _ when since > DateTimeOffset.MinValue && exit.At < since - Skew => null,
            { OutOfMemory: true } => WakeRefusal.OutOfMemory,
            _ => WakeRefusal.Crashed,
        };
    }

    /// <summary>What was seen of the machine in this boot.</summary>
    private sealed class Watched(DateTimeOffset started, bool resumes)
    {
        public DateTimeOffset Started { get; set; } = started;

        public int AtRest { get; set; }

        public int Restarts { get; set; }

        public DateTimeOffset? SeenAt { get; private set; }

        public string? Address { get; private set; }

        public string Region { get; private set; } = "";

        public BootKind Kind { get; private set; }

        public void See(Machine machine, DateTimeOffset now)
        {
            (SeenAt, Address, Region) = (SeenAt ?? now, machine.PrivateAddress ?? Address, machine.Region);
            Kind = new BootKind(machine.Config?.Image ?? "", machine.Region, resumes);
        }
    }
}
