using Gateway.Machines;

namespace Gateway.Waking;

/// <summary>From the platform's <c>start</c> to a good answer of the machine.</summary>
internal sealed partial class WakeInFlight
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private async Task<BootResult> BootAsync(long boot, CancellationToken cancellationToken)
    {
        Progress.Reach(WakeStep.Starting);
        if (await StartAsync(cancellationToken) is { } refusal)
        {
            return BootResult.Failed(refusal);
        }

        Progress.Reach(WakeStep.Booting);
        return await BecomeReadyAsync(boot, cancellationToken);
    }

    /// <summary>Null: the platform is starting it, or it runs. One accepted start at most; another only after a refusal or an unclear answer.</summary>
    private async Task<WakeRefusal?> StartAsync(CancellationToken cancellationToken)
    {
        var pause = ShortestPause;
        var refusedByHost = 0;
        while (true)
        {
            var started = await _machines.StartAsync(_request.App, _request.Machine, null, cancellationToken);
            if (started.IsOk)
            {
                return null;
            }

            var failure = started.Failure;
            switch (failure.Kind)
            {
                case MachinesFailureKind.AlreadyStarting:
                    return null;
                case MachinesFailureKind.NotFound:
                    return WakeRefusal.Gone;
                case MachinesFailureKind.Forbidden or MachinesFailureKind.Invalid or MachinesFailureKind.QuotaExceeded:
                    return WakeRefusal.Forbidden;
                case MachinesFailureKind.HostFull or MachinesFailureKind.RegionFull when ++refusedByHost >= 3:
                    return WakeRefusal.HostFull;
                case MachinesFailureKind.Ambiguous or MachinesFailureKind.Unavailable:
                    // It may have been done: look before asking again.
                    var looked = await LookAsync(cancellationToken);
                    if (looked.Starting)
                    {
                        return null;
                    }

                    if (looked.Refusal is { } reason)
                    {
                        return reason;
                    }

                    break;
                case MachinesFailureKind.NotYet:
                    // Still stopping, being replaced or created: the platform says when that is over.
                    await _machines.WaitAsync(_request.App, _request.Machine, "settled", null, LongestPause, cancellationToken);
                    break;
            }

            if (IsOver(failure.RetryAfter ?? pause))
            {
                return failure.Kind is MachinesFailureKind.RateLimited ? WakeRefusal.CapacityShort : WakeRefusal.PlatformUnavailable;
            }

            await PauseAsync(failure.RetryAfter ?? pause, cancellationToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task<(bool Starting, WakeRefusal? Refusal)> LookAsync(CancellationToken cancellationToken)
    {
        var read = await _machines.GetAsync(_request.App, _request.Machine, cancellationToken);
        if (!read.IsOk)
        {
            return (false, read.Failure.Kind switch
            {
                MachinesFailureKind.NotFound => WakeRefusal.Gone,
                MachinesFailureKind.Forbidden => WakeRefusal.Forbidden,
                _ => null,
            });
        }

        return read.Value switch
        {
            { HostUnreachable: true } => (false, WakeRefusal.HostUnreachable),
            { State: PlatformState.Destroyed } => (false, WakeRefusal.Gone),
            { State: PlatformState.Starting or PlatformState.Started } => (true, null),
            _ => (false, null),
        };
    }

    /// <summary>Probes the machine while watching what the platform says of it: whichever knows first decides.</summary>
    private async Task<BootResult> BecomeReadyAsync(long boot, CancellationToken cancellationToken)
    {
        var limit = _time.GetUtcNow() + _options.BootLimit;
        var outcome = ProbeOutcome.Silent;
        var address = default(string);
        var known = default(Machine);
        while (_time.GetUtcNow() < limit)
        {
            var read = await _machines.GetAsync(_request.App, _request.Machine, cancellationToken);
            if (!read.IsOk && read.Failure.Kind is MachinesFailureKind.NotFound)
            {
                return BootResult.Failed(WakeRefusal.Gone);
            }

            if (read.IsOk)
            {
                known = read.Value;
                address = known.PrivateAddress ?? address;
                if (EndOf(known) is { } refusal)
                {
                    return BootResult.Failed(refusal);
                }
            }

            if (address is null)
            {
                await PauseAsync(ShortestPause, cancellationToken);
                continue;
            }

            // Nothing but the machine itself says that it is awake. Now and then the platform is read again: the address may have moved, the process ended.
            var left = limit - _time.GetUtcNow();
            outcome = await _probe.ProbeAsync(new ProbeTarget(_request.Machine, boot, address), left < LookEvery ? left : LookEvery, () => Progress.Reach(WakeStep.Checking), cancellationToken);
            if (outcome is ProbeOutcome.Ready)
            {
                return BootResult.Ready(address, known?.Region ?? "");
            }
        }

        return BootResult.Failed(known is null ? WakeRefusal.PlatformUnavailable : WakeRefusal.NeverHealthy);
    }

    /// <summary>Whether the platform says that this boot is over, and why.</summary>
    private static WakeRefusal? EndOf(Machine machine) => machine switch
    {
        { HostUnreachable: true } => WakeRefusal.HostUnreachable,
        { State: PlatformState.Destroyed } => WakeRefusal.Gone,
        { State: PlatformState.Stopped or PlatformState.Failed } => LastExit(machine) is { OutOfMemory: true } ? WakeRefusal.OutOfMemory : WakeRefusal.Crashed,
        _ => null,
    };

    private static MachineEvent? LastExit(Machine machine) =>
        machine.Events.Where(static e => e.Type == "exit").MaxBy(static e => e.At);

    /// <summary>Null: nothing decides the doubt here, so the machine is woken as any other.</summary>
    private async Task<WakeOutcome?> ResolveDoubtAsync(long boot, CancellationToken cancellationToken)
    {
        Progress.Reach(WakeStep.Checking);
        var read = await _machines.GetAsync(_request.App, _request.Machine, cancellationToken);
        var record = await _map.FindMachineAsync(_request.Machine, cancellationToken);
        if (record is null || record.Boot != boot || record.State is not Sessions.MachineRecordState.Awake)
        {
            return null;
        }

        if (!read.IsOk && read.Failure.Kind is not MachinesFailureKind.NotFound)
        {
            return await ProbeDoubtedAsync(boot, record.Address!, WakeRefusal.PlatformUnavailable, cancellationToken);
        }

        if (read.IsOk && read.Value.State is PlatformState.Started && read.Value.PrivateAddress == record.Address && !read.Value.HostUnreachable)
        {
            return await ProbeDoubtedAsync(boot, record.Address!, WakeRefusal.NeverHealthy, cancellationToken);
        }

        // Stopped behind our back, moved, or gone: what everybody believes is wrong, whoever finds out.
        var state = read.IsOk && read.Value.State is not PlatformState.Destroyed ? Sessions.MachineRecordState.Asleep : Sessions.MachineRecordState.Gone;
        await _map.WriteAsync(record with { State = state, Address = null, Lease = null, ChangedAt = _time.GetUtcNow() }, cancellationToken);
        return null;
    }

    /// <summary>The machine runs, as far as anybody knows, and only this replica fails to reach it: it is tried for a while, and the shared belief stays.</summary>
    private async Task<WakeOutcome> ProbeDoubtedAsync(long boot, string address, WakeRefusal otherwise, CancellationToken cancellationToken)
    {
        var outcome = await _probe.ProbeAsync(new ProbeTarget(_request.Machine, boot, address), LookEvery * 3, static () => { }, cancellationToken);
        if (outcome is ProbeOutcome.Ready)
        {
            return Awake(address, boot);
        }

        Log.MachineUnreachable(_logger, _request.Machine.Value, boot);
        return Refuse(otherwise);
    }

    /// <summary>
    /// Without the session map a known machine is woken by this replica alone. Others may do the same: the platform answers the second start with "already
    /// starting", which is success. The boot's number only has to be new; the map's own are counted from one.
    /// </summary>
    private async Task<WakeOutcome> WakeAloneAsync(CancellationToken cancellationToken)
    {
        var boot = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var result = await BootAsync(boot, cancellationToken);
        return result.Address is { } address ? Awake(address, boot) : Refuse(result.Refusal);
    }

    private bool IsOver(TimeSpan pause) => _time.GetUtcNow() + pause >= _deadline - _options.FailurePause;

    /// <summary>With jitter, so that replicas and machines do not ask in step.</summary>
    private Task PauseAsync(TimeSpan pause, CancellationToken cancellationToken) =>
        Task.Delay(pause * (0.75 + (0.5 * Random.Shared.NextDouble())), _time, cancellationToken);
}
