using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Waking;

/// <summary>A belief that proved wrong, failures and what is remembered of them, and waking without the map.</summary>
internal sealed partial class WakeInFlight
{
    /// <summary>A process that ends by itself sooner after its good answer belongs to a machine that does not work.</summary>
    private static readonly TimeSpan ShortLife = TimeSpan.FromMinutes(1);

    /// <summary>Null: nothing decides the doubt here, so the machine is woken as any other.</summary>
    private async Task<WakeOutcome?> ResolveDoubtAsync(long boot, CancellationToken cancellationToken)
    {
        Progress.Reach(WakeStep.Checking);
        var read = await _machines.GetAsync(_request.App, _request.Machine, cancellationToken);
        var record = await _map.FindMachineAsync(_request.Machine, cancellationToken);
        if (record is not { State: MachineRecordState.Awake, Address: { } address } || record.Boot != boot)
        {
            return null;
        }

        if (!read.IsOk && read.Failure.Kind is not MachinesFailureKind.NotFound)
        {
            return await ProbeDoubtedAsync(record, address, WakeRefusal.PlatformUnavailable, cancellationToken);
        }

        // What the platform only remembers, or cannot name, disproves nothing: others may reach the machine.
        if (read.Value is { HostUnreachable: true })
        {
            return await ProbeDoubtedAsync(record, address, WakeRefusal.HostUnreachable, cancellationToken);
        }

        if (read.Value is { State: PlatformState.Started or PlatformState.Transient } running && running.PrivateAddress == address)
        {
            return await ProbeDoubtedAsync(record, address, WakeRefusal.NeverHealthy, cancellationToken);
        }

        // Stopped behind our back, moved, or gone: what everybody believes is wrong, whoever finds out.
        await _map.WriteAsync(Disproved(record, read.Value), cancellationToken);
        return null;
    }

    private MachineRecord Disproved(MachineRecord record, Machine? machine)
    {
        var next = record with { Address = null, Lease = null, ChangedAt = _time.GetUtcNow() };
        if (machine is null or { State: PlatformState.Destroyed })
        {
            return next with { State = MachineRecordState.Gone };
        }

        if (machine.State is PlatformState.Stopped or PlatformState.Failed
            && CrashOf(machine, since: record.ChangedAt) is { } crash
            && _time.GetUtcNow() - record.ChangedAt < ShortLife)
        {
            // Once is an accident, and somebody waits: the first time costs no pause.
            var first = Remembered(record.Failure) is null;
            return next with { State = MachineRecordState.Failed, Failure = Failure(Remembered(record.Failure), crash, first ? TimeSpan.Zero : _options.FailurePause) };
        }

        return next with { State = MachineRecordState.Asleep };
    }

    /// <summary>
    /// The machine runs, as far as anybody knows, and only this replica fails to reach it: it is tried for a while, and the shared belief stays. What answers
    /// once the doubted life has ended is another life of the machine, under another number. Null: there is one, or somebody wakes it. A machine that was put
    /// to rest meanwhile is not woken for a doubt, which may be a background page's.
    /// </summary>
    private async Task<WakeOutcome?> ProbeDoubtedAsync(MachineRecord doubted, string address, WakeRefusal otherwise, CancellationToken cancellationToken)
    {
        using var decided = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var target = new ProbeTarget(_request.Machine, doubted.Boot, address, _request.User, new ProbePace(_time.GetTimestamp(), null));
        var probing = _probe.ProbeAsync(target, LookEvery * 3, static () => { }, decided.Token);
        var ending = WaitForEndAsync(doubted, decided.Token);
        var first = await Task.WhenAny(probing, ending);
        decided.Cancel();
        await ((Task)(first == probing ? ending : probing)).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
        MachineRecord? now;
        if (first == ending)
        {
            now = await ending;
        }
        else if (await probing is ProbeOutcome.Ready)
        {
            now = await _map.FindMachineAsync(_request.Machine, cancellationToken);
            if (!HasEnded(doubted, now))
            {
                return Awake(address, doubted.Boot);
            }
        }
        else
        {
            Log.MachineUnreachable(_logger, _request.Machine.Value, doubted.Boot);
            return Refuse(otherwise);
        }

        return now is { State: MachineRecordState.Awake or MachineRecordState.Waking } ? null : Refuse(otherwise);
    }

    /// <summary>The record that says so. A map that does not answer says nothing.</summary>
    private async Task<MachineRecord?> WaitForEndAsync(MachineRecord life, CancellationToken cancellationToken)
    {
        var now = life;
        while (!HasEnded(life, now))
        {
            try
            {
                now = await _map.WaitForChangeAsync(_request.Machine, now?.Epoch ?? 0, OnePoll, cancellationToken);
            }
            catch (SessionMapUnavailableException)
            {
                await Task.Delay(OnePoll, _time, cancellationToken);
            }
        }

        return now;
    }

    /// <summary>A machine being drained still runs: a doubt must not undo what is only about to happen.</summary>
    private static bool HasEnded(MachineRecord life, MachineRecord? now) =>
        now is not { State: MachineRecordState.Awake or MachineRecordState.Draining } || now.Boot != life.Boot;

    /// <summary>
    /// Without the session map a known machine is woken by this replica alone. Others may do the same: the platform answers the second start with "already
    /// starting", which is success.
    /// </summary>
    private async Task<WakeOutcome> WakeAloneAsync(CancellationToken cancellationToken)
    {
        var life = New();
        while (true)
        {
            life = life with { Boot = life.NextBoot(_time.GetUtcNow()) };
            var result = await BootAsync(life.Boot, lookFirst: false, cancellationToken);
            if (result.Address is not { } address)
            {
                return Refuse(result.Refusal);
            }

            await FenceAloneAsync(cancellationToken);
            // Until the fence stood, others may have ended that life and woken the machine again: a look under its number could be answered by the next one.
            // Not told by the clock, which may tell a wake by the map the same number now.
            life = life with { Boot = life.Boot + 1 };
            if (await LookAtAsync(life.Boot, address, cancellationToken) is ProbeOutcome.Ready)
            {
                _alone.Remember(_request.Machine, address, life.Boot);
                return Awake(address, life.Boot) with { Alone = true };
            }
        }
    }

    /// <summary>
    /// Whoever has the map may be about to end the machine, because it hangs or nobody uses it, and does so under the platform's lease. What answers after
    /// that was ours, they find answering. A lease that outlasts theirs is none of theirs; and where the platform gives none, nothing is ended either.
    /// </summary>
    private async Task FenceAloneAsync(CancellationToken cancellationToken)
    {
        var fence = await MachineFence.RaiseAsync(_machines, _request.App, _request.Machine, TimeSpan.Zero, _time, cancellationToken);
        if (fence.Failure?.Kind is MachinesFailureKind.LeaseHeld)
        {
            await MachineFence.RaiseAsync(_machines, _request.App, _request.Machine, HungLease, _time, cancellationToken);
        }
    }

    /// <summary>A failure that was followed by quiet says nothing about the next one.</summary>
    private RecordFailure? Remembered(RecordFailure? failure) =>
        failure is not null && failure.Until + _options.LongestFailurePause > _time.GetUtcNow() ? failure : null;

    /// <summary>Each failure in a row is remembered twice as long as the one before: a machine that crashes is not started for ever.</summary>
    private RecordFailure Failure(RecordFailure? former, WakeRefusal reason, TimeSpan firstPause)
    {
        var times = (former?.Times ?? 0) + 1;
        var pause = firstPause * Math.Pow(2, Math.Min(times - 1, 20));
        var until = _time.GetUtcNow() + (pause < _options.LongestFailurePause ? pause : _options.LongestFailurePause);
        return new RecordFailure(WakeRefusals.NameOf(reason), WakeRefusals.DetailOf(reason), times, until);
    }
}
