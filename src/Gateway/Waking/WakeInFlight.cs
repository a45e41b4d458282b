using System.Diagnostics;
using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Waking;

/// <summary>One wake of one machine on this replica, from the wish to an outcome. Detached from all who wait for it; ends by itself within its limit.</summary>
internal sealed partial class WakeInFlight
{
    private static readonly TimeSpan OnePoll = TimeSpan.FromSeconds(1);

    private readonly ISessionMap _map;
    private readonly IMachines _machines;
    private readonly IReadinessProbe _probe;
    private readonly Replica _replica;
    private readonly WakingOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly WakeRequest _request;
    private readonly long? _doubted;
    private readonly WokenAlone _alone;
    private readonly BootTimes _times;
    private readonly PrepareMachine? _prepare;
    private readonly Random _random;
    private readonly DateTimeOffset _deadline;
    private bool _resumes;
    private bool _tookConnection;
    private BootKind? _kind;
    private Activity? _trace;

    public WakeInFlight(
        ISessionMap map, IMachines machines, IReadinessProbe probe, Replica replica, WakingOptions options, TimeProvider time, ILogger logger, WakeRequest request, long? doubted, WokenAlone alone, BootTimes times, Random random, PrepareMachine? prepare)
    {
        (_map, _machines, _probe, _replica, _options, _time, _logger, _request, _doubted, _alone, _times, _random, _prepare) = (map, machines, probe, replica, options, time, logger, request, doubted, alone, times, random, prepare);
        _deadline = time.GetUtcNow() + options.WakeLimit;
        Progress = new WakeProgress(time);
        Held = new HeldLine(time);
    }

    public WakeProgress Progress { get; }

    /// <summary>The requests that wait for it here.</summary>
    public HeldLine Held { get; }

    /// <summary>This wake, and not another replica's, saw the machine come up.</summary>
    public bool HasWoken => Progress.At(WakeStep.Starting) is not null && Progress.At(WakeStep.Ready) is not null;

    /// <summary>The wake's own span, which those who are held for it link to; null: nothing is traced. Written by <see cref="RunAsync()"/> as it begins.</summary>
    public Activity? Trace => Volatile.Read(ref _trace);

    /// <summary>Does the work; answers with an outcome whatever happens.</summary>
    public async Task<WakeOutcome> RunAsync()
    {
        using var span = GatewayTelemetry.StartShared(GatewayTelemetry.Wake);
        span?.SetTag("gateway.machine", _request.Machine.Value);
        Volatile.Write(ref _trace, span);
        QueueWatch.Current = Progress.Queue;
        using var limit = new CancellationTokenSource(_options.WakeLimit, _time);
        try
        {
            return await RunAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            return Refuse(WakeRefusal.NeverHealthy);
        }
        catch (Exception exception)
        {
            // A bug of ours must not leave requests hanging, nor take the process with it.
            Log.WakeBroke(_logger, exception, _request.Machine.Value);
            return Refuse(WakeRefusal.PlatformUnavailable);
        }
    }

    private async Task<WakeOutcome> RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_doubted is { } boot)
            {
                _alone.Forget(_request.Machine, boot);
                if (await ResolveDoubtAsync(boot, cancellationToken) is { } resolved)
                {
                    return resolved;
                }
            }

            return await WakeBySharedRecordAsync(cancellationToken);
        }
        catch (SessionMapUnavailableException)
        {
            if (_alone.Find(_request.Machine) is { } woken)
            {
                return Awake(woken.Address, woken.Boot) with { Alone = true };
            }

            Log.WakingAlone(_logger, _request.Machine.Value);
            return await WakeAloneAsync(cancellationToken);
        }
    }

    /// <summary>Looks at the record until it is ours to act on, or somebody else has finished.</summary>
    private async Task<WakeOutcome> WakeBySharedRecordAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var record = await _map.FindMachineAsync(_request.Machine, cancellationToken) ?? New();
            _alone.Clear();
            switch (record.State)
            {
                case MachineRecordState.Awake when record.Address is { } address:
                    return Awake(address, record.Boot);
                case MachineRecordState.Gone:
                    return Refuse(WakeRefusal.Gone);
                case MachineRecordState.Failed when record.Failure is { } failure && failure.Until > _time.GetUtcNow() && record.GoesBackTo is null:
                    return new WakeOutcome.Refused(WakeRefusals.Parse(failure.Reason), failure.Detail, failure.Until - _time.GetUtcNow());
                case MachineRecordState.Draining:
                    // Somebody came before the stop was agreed on: the drain is over.
                    await _map.WriteAsync(record with { State = MachineRecordState.Awake, Lease = null, ChangedAt = _time.GetUtcNow() }, cancellationToken);
                    continue;
                case MachineRecordState.Unknown:
                case MachineRecordState.Waking or MachineRecordState.Stopping or MachineRecordState.Updating when IsHeld(record):
                    Progress.Reach(WakeStep.Waiting);
                    await WaitForOtherAsync(record, cancellationToken);
                    continue;
            }

            if (record.State is not MachineRecordState.Waking && _prepare is not null && await _prepare(record, _request.User, cancellationToken))
            {
                continue;
            }

            if (await ClaimAsync(record, cancellationToken) is { } claim)
            {
                await using (claim)
                {
                    if (await WakeClaimedAsync(claim, record, cancellationToken) is { } outcome)
                    {
                        return outcome;
                    }
                }
            }
        }
    }

    private MachineRecord New() => new()
    {
        Machine = _request.Machine,
        App = _request.App,
        State = MachineRecordState.Asleep,
        ChangedAt = _time.GetUtcNow(),
    };

    private bool IsHeld(MachineRecord record) => record.Lease is { } lease && lease.Until > _time.GetUtcNow();

    /// <summary>Until the record changes, or its owner's lease is over and it is anybody's.</summary>
    private async Task WaitForOtherAsync(MachineRecord record, CancellationToken cancellationToken)
    {
        var left = record.Lease is { } lease ? lease.Until - _time.GetUtcNow() : OnePoll;
        await _map.WaitForChangeAsync(_request.Machine, record.Epoch, left < OnePoll && left > TimeSpan.Zero ? left : OnePoll, cancellationToken);
    }

    /// <summary>
    /// A takeover of a wake, too, is a life of its own: a map that fails over forgets that a wake had come to its end, and the machine may have died since
    /// then. One start is enough all the same: whoever takes over looks first.
    /// </summary>
    private Task<RecordClaim?> ClaimAsync(MachineRecord record, CancellationToken cancellationToken)
    {
        if (record.State is MachineRecordState.Waking)
        {
            Log.WakeTakenOver(_logger, _request.Machine.Value, record.Lease?.Owner ?? "");
        }

        var next = record with
        {
            State = MachineRecordState.Waking,
            Boot = record.NextBoot(_time.GetUtcNow()),
            Address = null,
            StopOpen = record.State is MachineRecordState.Stopping || record is { State: MachineRecordState.Waking, StopOpen: true },
            Failure = Remembered(record.Failure),
            Charge = _request.Charge,
            ChangedAt = _time.GetUtcNow(),
        };
        return RecordClaim.TakeAsync(_map, next, _replica, _time, cancellationToken, record => record with { Step = WakeSteps.NameOf(Progress.Current) });
    }

    /// <summary>Null: the record was taken over meanwhile, and is to be looked at again.</summary>
    private async Task<WakeOutcome?> WakeClaimedAsync(RecordClaim claim, MachineRecord former, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, claim.Lost);
        _resumes = claim.Record.Suspended;
        BootResult result;
        try
        {
            result = await FenceAsync(claim, former, either.Token) is { } refusal
                ? BootResult.Failed(refusal)
                : await BootAnewAsync(claim, lookFirst: former.State is MachineRecordState.Waking or MachineRecordState.Stopping, either.Token);
            if (IsSnapshotToBlame(result))
            {
                result = await StartColdAsync(claim, result.Refusal, either.Token);
            }
        }
        catch (OperationCanceledException) when (claim.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
        catch (OperationCanceledException)
        {
            result = BootResult.Failed(claim.Record.StopOpen ? WakeRefusal.PlatformUnavailable : WakeRefusal.NeverHealthy);
        }

        return await WriteDownAsync(claim, result);
    }

    /// <summary>Writes what became of it, for everybody. Without the map it is true all the same for those who wait here.</summary>
    private async Task<WakeOutcome?> WriteDownAsync(RecordClaim claim, BootResult result)
    {
        MachineRecord next;
        for (var attempt = 1; ; attempt++)
        {
            next = NextRecord(claim.Record, result);
            try
            {
                if (!await claim.EndAsync(next, CancellationToken.None))
                {
                    return null;
                }

                break;
            }
            catch (SessionMapUnavailableException) when (attempt < 3)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(300 * attempt), _time);
            }
            catch (SessionMapUnavailableException)
            {
                if (result.Address is { } unwritten)
                {
                    _alone.Remember(_request.Machine, unwritten, next.Boot);
                }

                break;
            }
        }

        if (result.Address is { } address)
        {
            Log.MachineWoken(_logger, _request.Machine.Value, next.Boot, _request.Cause, Progress.Elapsed.TotalSeconds);
            return Awake(address, next.Boot);
        }

        Log.WakeFailed(_logger, _request.Machine.Value, result.Refusal, next.Failure?.Times ?? 0);
        var left = next.State is MachineRecordState.Failed && next.Failure is { } failure ? failure.Until - _time.GetUtcNow() : TimeSpan.Zero;
        return new WakeOutcome.Refused(result.Refusal, WakeRefusals.DetailOf(result.Refusal), left > TimeSpan.Zero ? left : OnePoll * 2);
    }

    private MachineRecord NextRecord(MachineRecord record, BootResult result)
    {
        if (result.Address is { } address)
        {
            // The last failure stays: a machine that dies after each good answer is a failing one, and only a longer life says otherwise.
            return record with { State = MachineRecordState.Awake, Address = address, Region = result.Region ?? record.Region, Suspended = false, Make = record.Make is { OnTrial: true } make ? make with { OnTrial = false } : record.Make };
        }

        return result.Refusal switch
        {
            WakeRefusal.Gone => record with { State = MachineRecordState.Gone, Failure = null },
            WakeRefusal.PlatformUnavailable or WakeRefusal.HostUnreachable when record.StopOpen => record with { State = MachineRecordState.Stopping },
            // Nothing was learnt about the machine: the next request tries again.
            WakeRefusal.PlatformUnavailable or WakeRefusal.CapacityShort => record with { State = MachineRecordState.Asleep },
            _ => record with { State = MachineRecordState.Failed, Failure = Failure(record.Failure, result.Refusal, _options.FailurePause) },
        };
    }
}
