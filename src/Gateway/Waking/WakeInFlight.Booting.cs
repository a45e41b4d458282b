using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Waking;

/// <summary>The start itself: asked for until the platform accepts it, or says why not.</summary>
internal sealed partial class WakeInFlight
{
    private static readonly TimeSpan HungGrace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan HungLease = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LastLook = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <param name="boot">The life it is to be.</param>
    /// <param name="lookFirst">Somebody may have started it already and not lived to say so.</param>
    private async Task<BootResult> BootAsync(long boot, bool lookFirst, CancellationToken cancellationToken)
    {
        Progress.Reach(WakeStep.Starting);
        var looked = lookFirst ? await LookAsync(cancellationToken) : default;
        var refusal = looked.Refusal;
        if (!looked.Starting && refusal is null)
        {
            refusal = await StartAsync(cancellationToken);
        }

        if (refusal is { } reason)
        {
            return BootResult.Failed(reason);
        }

        Progress.Reach(WakeStep.Booting);
        return await BecomeReadyAsync(boot, cancellationToken);
    }

    /// <summary>What runs there is ended first, if it hangs.</summary>
    private async Task<BootResult> BootAnewAsync(RecordClaim claim, bool lookFirst, CancellationToken cancellationToken)
    {
        if (IsHung(claim.Record))
        {
            Progress.Reach(WakeStep.Starting);
            if (await EndHungAsync(claim, cancellationToken) is { } instead)
            {
                return instead;
            }
        }

        return await BootAsync(claim.Record.Boot, lookFirst, cancellationToken);
    }

    /// <summary>It was given the time of two boots and never gave a good answer: it is not slow, it hangs.</summary>
    private static bool IsHung(MachineRecord record) =>
        record.Failure is { Times: >= 2 } failure && failure.Reason == WakeRefusals.NameOf(WakeRefusal.NeverHealthy);

    /// <summary>
    /// A process that stays up and never answers well would be "already started" for ever, and its user locked out. Under the platform's lease, so that
    /// this call of a paused owner is refused when somebody else has gone on. Refused for longer than a fence stands, or when the machine cannot be looked
    /// at, nothing is ended and the start is asked for all the same; so it is when nothing runs there. Not null: it is not ended, because it gave a good
    /// answer after all, or took no connection and was not found to hang twice before; that is then what became of the wake.
    /// </summary>
    /// <exception cref="OperationCanceledException">The record was taken over.</exception>
    private async Task<BootResult?> EndHungAsync(RecordClaim claim, CancellationToken cancellationToken)
    {
        var lease = await MachineFence.TakeAsync(_machines, _request.App, _request.Machine, HungLease, "ending a process that hangs", MachineFence.Lease, _time, cancellationToken);
        if (!lease.IsOk)
        {
            return null;
        }

        try
        {
            long written;
            do
            {
                // Whoever took the record over meanwhile believes what they find: nothing is taken from under them, as long as what is written here holds.
                written = _time.GetTimestamp();
                await claim.WriteAsync(claim.Record, cancellationToken);
                cancellationToken.ThrowIfCancellationRequested();

                // As late as can be: a slow process comes up in the end, and whoever wakes alone, without the map, is on it by then.
                var read = await _machines.GetAsync(_request.App, _request.Machine, cancellationToken);
                if (!read.IsOk || read.Value.State is PlatformState.Stopped)
                {
                    return null;
                }

                if (read.Value is { State: PlatformState.Started, PrivateAddress: { } address } machine)
                {
                    switch (await LookAtAsync(claim.Record.Boot, address, cancellationToken))
                    {
                        case ProbeOutcome.Ready:
                            return BootResult.Ready(address, machine.Region);
                        case ProbeOutcome.Silent when !IsHung(claim.Record):
                            // This replica may have lost its way there since it took a connection.
                            return BootResult.Failed(WakeRefusal.NeverHealthy);
                    }
                }
            }
            while (_time.GetElapsedTime(written) >= RecordClaim.Lease);

            Log.HungMachineEnded(_logger, _request.Machine.Value);
            await _machines.StopAsync(_request.App, _request.Machine, HungGrace, lease.Value.Nonce, cancellationToken);
            await _machines.WaitAsync(_request.App, _request.Machine, "stopped", null, HungLease, cancellationToken);
            return null;
        }
        finally
        {
            await _machines.ReleaseLeaseAsync(_request.App, _request.Machine, lease.Value.Nonce, CancellationToken.None);
        }
    }

    /// <summary>
    /// What a resume may come to where a cold start would go well. A machine that took no connection is another matter: it may be this replica alone that
    /// does not reach it, and another one, without the map, that has it in use. If it is dead to all, the next wakes find it hung.
    /// </summary>
    private bool IsSnapshotToBlame(BootResult result) => _resumes && result.Address is null
        && (result.Refusal is WakeRefusal.Crashed or WakeRefusal.OutOfMemory || (_tookConnection && result.Refusal is WakeRefusal.NeverHealthy));

    /// <summary>
    /// The snapshot is given up. Another boot, so that no connection to the resumed process is ever used again; written down after the end of that process,
    /// so that whoever takes over in between ends it too.
    /// </summary>
    private async Task<BootResult> StartColdAsync(RecordClaim claim, WakeRefusal failed, CancellationToken cancellationToken)
    {
        Log.ResumeGivenUp(_logger, _request.Machine.Value, claim.Record.Boot);
        // Whoever tried the same before us and died may have left the platform's lease behind.
        await MachineFence.RaiseAsync(_machines, _request.App, _request.Machine, HungLease, _time, cancellationToken);
        // One that ended by itself may have been started again by the platform, cold: that one is no snapshot's, and somebody may be on it.
        if ((failed is WakeRefusal.NeverHealthy || await IsSuspendedAsync(cancellationToken)) && await EndHungAsync(claim, cancellationToken) is { } instead)
        {
            return instead;
        }

        await claim.WriteAsync(claim.Record with { Boot = claim.Record.NextBoot(_time.GetUtcNow()), Suspended = false }, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        _resumes = false;
        return await BootAsync(claim.Record.Boot, lookFirst: false, cancellationToken);
    }

    private async Task<bool> IsSuspendedAsync(CancellationToken cancellationToken) =>
        await _machines.GetAsync(_request.App, _request.Machine, cancellationToken) is { IsOk: true, Value.State: PlatformState.Suspended };

    private Task<ProbeOutcome> LookAtAsync(long boot, string address, CancellationToken cancellationToken)
    {
        var target = new ProbeTarget(_request.Machine, boot, address, _request.User, new ProbePace(_time.GetTimestamp(), null));
        return _probe.ProbeAsync(target, LastLook, static () => { }, cancellationToken);
    }

    /// <summary>
    /// Whoever was stopping the machine, or ending what hung there, may only be paused, just before its call. Null: that call is refused by the platform from
    /// now on, and what the machine is found to be it stays.
    /// </summary>
    /// <exception cref="OperationCanceledException">The record was taken over.</exception>
    private async Task<WakeRefusal?> FenceAsync(RecordClaim claim, MachineRecord former, CancellationToken cancellationToken)
    {
        if (!claim.Record.StopOpen)
        {
            if (former.State is MachineRecordState.Waking && (former.Suspended || IsHung(former)))
            {
                // What its owner would end, they end under a lease as long as this. One that outlasts it is none of theirs, and where the platform gives none,
                // the machine is looked at all the same: it may be well.
                await MachineFence.RaiseAsync(_machines, _request.App, _request.Machine, HungLease, _time, cancellationToken);
            }

            return null;
        }

        // A host that does not answer gives no lease, however long it is asked for one.
        if ((await LookAsync(cancellationToken)).Refusal is { } refusal)
        {
            return refusal;
        }

        // What is left is enough for a boot: one that is cut short says nothing of the machine.
        var fence = await MachineFence.RaiseAsync(_machines, _request.App, _request.Machine, _deadline - _time.GetUtcNow() - _options.BootLimit, _time, cancellationToken);
        if (!fence.IsOk)
        {
            return fence.Failure.Kind switch
            {
                MachinesFailureKind.NotFound => WakeRefusal.Gone,
                MachinesFailureKind.Forbidden or MachinesFailureKind.Invalid => WakeRefusal.Forbidden,
                _ => WakeRefusal.PlatformUnavailable,
            };
        }

        await claim.WriteAsync(claim.Record with { StopOpen = false }, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        return null;
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

    private bool IsOver(TimeSpan pause) => _time.GetUtcNow() + pause >= _deadline - _options.FailurePause;

    /// <summary>With jitter, so that replicas and machines do not ask in step.</summary>
    private Task PauseAsync(TimeSpan pause, CancellationToken cancellationToken) =>
        Task.Delay(pause * (0.75 + (0.5 * _random.NextDouble())), _time, cancellationToken);
}
