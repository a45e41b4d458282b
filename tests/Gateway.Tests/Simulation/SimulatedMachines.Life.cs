using System.Globalization;
using Gateway.Machines;

namespace Gateway.Tests.Simulation;

/// <summary>What happens to a machine: boots, stops, leases and waiting for them.</summary>
internal sealed partial class SimulatedMachines
{
    private static readonly TimeSpan ForEver = TimeSpan.FromDays(365);

    public Task<MachinesResult<Done>> StartAsync(string app, MachineId machine, string? nonce, CancellationToken cancellationToken) =>
        CallAsync("start", app, machine.Value, now => Change<Done>(app, machine, nonce, found => Start(found, now)), cancellationToken);

    public Task<MachinesResult<Done>> StopAsync(string app, MachineId machine, TimeSpan? grace, string? nonce, CancellationToken cancellationToken) =>
        CallAsync("stop", app, machine.Value, now => Change<Done>(app, machine, nonce, found => Stop(found, now)), cancellationToken);

    public Task<MachinesResult<Done>> SuspendAsync(string app, MachineId machine, string? nonce, CancellationToken cancellationToken) =>
        CallAsync("suspend", app, machine.Value, now => Change<Done>(app, machine, nonce, found => Suspend(found, now)), cancellationToken);

    public async Task<MachinesResult<Done>> WaitAsync(string app, MachineId machine, string state, string? version, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var until = time.GetUtcNow() + (timeout < TimeSpan.FromSeconds(60) ? timeout : TimeSpan.FromSeconds(60));
        var first = await CallAsync<Done>("wait", app, machine.Value, _ => Reached(app, machine, state), cancellationToken);
        var result = first;
        while (result.Failure is { Kind: MachinesFailureKind.NotReached })
        {
            Task changed;
            TimeSpan pause;
            lock (_lock)
            {
                SettleAll();
                result = Reached(app, machine, state);
                if (result.Failure is not { Kind: MachinesFailureKind.NotReached })
                {
                    break;
                }

                changed = _changed.Task;
                var now = time.GetUtcNow();
                if (now >= until)
                {
                    break;
                }

                var next = _machines[machine].Next;
                pause = (next is { } at && at < until ? at : until) - now;
            }

            // Waits count whole milliseconds, and one of none would not let time pass.
            var waiting = changed.WaitAsync(TimeSpan.FromMilliseconds(Math.Ceiling(pause.TotalMilliseconds) + 1), time, cancellationToken);
            await waiting.ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
            if (waiting.IsCanceled)
            {
                await waiting;
            }

            // Otherwise something changed, or its time has come: look again.
        }

        return result;
    }

    public Task<MachinesResult<MachineLease>> LeaseAsync(string app, MachineId machine, TimeSpan duration, string description, CancellationToken cancellationToken) =>
        CallAsync<MachineLease>("lease", app, machine.Value, now =>
        {
            var found = Lookup(app, machine);
            if (!found.IsOk)
            {
                return found.Failure;
            }

            if (found.Value.HostUnreachable)
            {
                return Unreachable();
            }

            if (found.Value.Lease is { } lease && lease.ExpiresAt > now)
            {
                return new MachinesFailure(MachinesFailureKind.LeaseHeld, 409, "lease currently held by another") { RetryAfter = lease.ExpiresAt - now };
            }

            return found.Value.Lease = new MachineLease(string.Create(CultureInfo.InvariantCulture, $"nonce-{++_made}"), now + duration);
        }, cancellationToken);

    public Task<MachinesResult<Done>> ReleaseLeaseAsync(string app, MachineId machine, string nonce, CancellationToken cancellationToken) =>
        CallAsync("release", app, machine.Value, _ => Change<Done>(app, machine, nonce, found =>
        {
            found.Lease = null;
            return default(Done);
        }), cancellationToken);

    private MachinesResult<Done> Start(SimulatedMachine machine, DateTimeOffset now)
    {
        switch (machine.State)
        {
            case PlatformState.Starting or PlatformState.Started:
                return new MachinesFailure(MachinesFailureKind.AlreadyStarting, 409, "aborted: machine still attempting to start");
            case PlatformState.Created or PlatformState.Stopping or PlatformState.Updating or PlatformState.Transient:
                return new MachinesFailure(MachinesFailureKind.NotYet, 412, $"failed_precondition: unable to start machine from current state: '{machine.State}'");
            case PlatformState.Stopped when machine.RestingSince + StillActive > now:
                return new MachinesFailure(MachinesFailureKind.NotYet, 412, "failed_precondition: machine still active, refusing to start");
        }

        if (machine.HostFull)
        {
            return new MachinesFailure(MachinesFailureKind.HostFull, 409, "aborted: could not reserve resource for machine: insufficient memory available to fulfill request on the current host");
        }

        machine.AcceptedStarts++;
        machine.Resumes = machine.State is PlatformState.Suspended;
        Boot(machine, now, machine.State is PlatformState.Suspended ? ResumeDelay : StartDelay);
        return default(Done);
    }

    private void Boot(SimulatedMachine machine, DateTimeOffset now, TimeSpan delay)
    {
        machine.Forget();
        machine.State = PlatformState.Starting;
        machine.ReadyAt = null;
        Event(machine, "start", now, requested: true);
        machine.After(now, delay, Started);
    }

    private void Started(SimulatedMachine machine, DateTimeOffset at)
    {
        machine.State = PlatformState.Started;
        machine.Address ??= NewAddress();
        machine.Boots++;
        Event(machine, "started", at, requested: false);
        switch (_images.GetValueOrDefault(machine.Config.Image, machine.Boot))
        {
            case BootBehaviour.Healthy:
            case BootBehaviour.HealthyWhenCold when !machine.Resumes:
                machine.ReadyAt = at + ReadyDelay;
                break;
            case BootBehaviour.Crashes:
                machine.After(at, CrashDelay, (found, then) => Exited(found, then, 1, outOfMemory: false, requested: false));
                break;
            case BootBehaviour.RunsOutOfMemory:
                machine.After(at, CrashDelay, (found, then) => Exited(found, then, 137, outOfMemory: true, requested: false));
                break;
        }
    }

    private MachinesResult<Done> Stop(SimulatedMachine machine, DateTimeOffset now)
    {
        if (machine.State is PlatformState.Started or PlatformState.Starting or PlatformState.Suspended or PlatformState.Suspending or PlatformState.Failed)
        {
            machine.Forget();
            machine.State = PlatformState.Stopping;
            machine.ReadyAt = null;
            Event(machine, "stop", now, requested: true);
            machine.After(now, machine.Hangs ? ForEver : StopDelay, (found, at) => Exited(found, at, 0, outOfMemory: false, requested: true));
        }

        return default(Done);
    }

    private MachinesResult<Done> Suspend(SimulatedMachine machine, DateTimeOffset now)
    {
        if (machine.State is PlatformState.Suspended or PlatformState.Suspending)
        {
            return default(Done);
        }

        if (machine.State is not PlatformState.Started)
        {
            return new MachinesFailure(MachinesFailureKind.NotYet, 412, $"failed_precondition: unable to suspend machine from current state: '{machine.State}'");
        }

        machine.Forget();
        machine.State = PlatformState.Suspending;
        machine.ReadyAt = null;
        Event(machine, "suspend", now, requested: true);
        machine.After(now, machine.Hangs ? ForEver : SuspendDelay, (found, at) =>
        {
            found.State = PlatformState.Suspended;
            found.RestingSince = at;
        });
        return default(Done);
    }

    private static void Exited(SimulatedMachine machine, DateTimeOffset at, int exitCode, bool outOfMemory, bool requested)
    {
        machine.Forget();
        machine.State = PlatformState.Stopped;
        machine.RestingSince = at;
        machine.ReadyAt = null;
        machine.Events.Add(new MachineEvent("exit", at, exitCode, outOfMemory, requested));
    }

    private static void Event(SimulatedMachine machine, string type, DateTimeOffset at, bool requested) =>
        machine.Events.Add(new MachineEvent(type, at, null, OutOfMemory: false, requested));

    private MachinesResult<Done> Reached(string app, MachineId machine, string state)
    {
        var found = Lookup(app, machine);
        if (!found.IsOk)
        {
            return state == "destroyed" && _machines.ContainsKey(machine) ? default(Done) : found.Failure;
        }

        var reached = state switch
        {
            "started" => found.Value.State is PlatformState.Started,
            "stopped" => found.Value.State is PlatformState.Stopped,
            "suspended" => found.Value.State is PlatformState.Suspended,
            "settled" => found.Value.State is PlatformState.Started or PlatformState.Stopped or PlatformState.Suspended or PlatformState.Failed,
            _ => false,
        };
        return reached
            ? default(Done)
            : new MachinesFailure(MachinesFailureKind.NotReached, 408, $"deadline_exceeded: machine failed to reach desired state, {state}, currently {found.Value.State}");
    }

    private string NewAddress() => string.Create(CultureInfo.InvariantCulture, $"fdaa::{++_made:x}");
}
