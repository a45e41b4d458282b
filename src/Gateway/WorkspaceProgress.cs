using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Sessions;
using Gateway.Waking;

namespace Gateway;

/// <summary>How far a user's workspace is on its way, for the waiting page and <c>/.gateway/events</c>.</summary>
/// <param name="State">As in <c>Gateway-State</c>: <c>awake</c>, <c>waking</c>, <c>provisioning</c>, <c>asleep</c>, <c>failed</c>, …</param>
/// <param name="Steps">What there is to do, in order; empty unless something is on its way.</param>
/// <param name="Elapsed">Since this began. Zero when nothing did.</param>
/// <param name="Problem">Why it failed, in a sentence for people; null: it did not.</param>
/// <param name="RetryAfter">When trying again helps, where it failed.</param>
internal sealed record ProgressReport(string State, IReadOnlyList<ProgressStep> Steps, TimeSpan Elapsed, string? Problem, TimeSpan? RetryAfter)
{
    /// <summary>The machine, where it is awake.</summary>
    public MachineId? Awake { get; init; }

    /// <summary>Many start at once, and the platform takes them one after another: how many turns from now, and about how long. Null: no waiting.</summary>
    public (int Position, TimeSpan Wait)? Queue { get; init; }

    public bool IsOnItsWay => Steps.Count > 0;
}

/// <param name="Name">A stable word: <c>volume</c>, <c>machine</c>, <c>rest</c>, <c>start</c>, <c>boot</c>, <c>check</c>.</param>
/// <param name="Text">The same for people.</param>
/// <param name="State">Whether it is done, going on, or still to come.</param>
/// <param name="Usual">How long it usually takes; null: not known here.</param>
internal sealed record ProgressStep(string Name, string Text, StepState State, TimeSpan? Usual);

internal enum StepState
{
    Done,
    Current,
    Coming,
}

/// <summary>
/// Puts together what this replica knows of a user's workspace without asking anybody: the session and the machine's record as the change feed keeps them,
/// and the wake in flight where it is here. Another replica's wake is as far as its record says, which its owner renews.
/// </summary>
internal sealed class WorkspaceProgress(RouteTable routes, WorkspaceProvisioner provisioner, MachineWaker waker, BootTimes times, TimeProvider time)
{
    private static readonly (string Name, string Text)[] Making = [("volume", "Making room for your files"), ("machine", "Making your machine")];

    private static readonly (string Name, string Text) Resting = ("rest", "Letting it finish falling asleep");

    private static readonly (string Name, string Text)[] Waking =
        [("start", "Starting your machine"), ("boot", "Booting"), ("check", "Waiting for the workspace to answer")];

    public async Task<ProgressReport> ReadAsync(UserId user, CancellationToken cancellationToken) =>
        await routes.FindAsync(user, cancellationToken) switch
        {
            { Known: RouteKnown.Unknown } => Calm("unknown"),
            { Route: { Session: { State: SessionState.Assigned, Machine: { } machine } } route } => OfMachine(machine, route.Machine),
            { Route.Session: { State: SessionState.Failed, Failure: { } failure } } when failure.Until > time.GetUtcNow() => Failed(failure),
            { Route.Session: { State: SessionState.Provisioning } session } =>
                OnItsWay("provisioning", [.. Making, .. Waking], session.Volume is null ? "volume" : "machine", time.GetUtcNow() - session.ChangedAt, provisioner.QueueOf(user)),
            _ => provisioner.QueueOf(user) is { } queue ? OnItsWay("provisioning", [.. Making, .. Waking], "volume", TimeSpan.Zero, queue) : Calm("unassigned"),
        };

    private ProgressReport OfMachine(MachineId machine, MachineRecord? record)
    {
        var flight = waker.ProgressOf(machine);
        return record switch
        {
            { State: MachineRecordState.Awake or MachineRecordState.Draining } when flight is null => Calm("awake") with { Awake = machine },
            { State: MachineRecordState.Stopping } when flight is not null => OnItsWay("waking", [Resting, .. Waking], "rest", flight.Elapsed),
            { State: MachineRecordState.Updating } => OnItsWay("updating", [("update", "Updating your machine"), .. Waking], "update", time.GetUtcNow() - record.ChangedAt),
            { State: MachineRecordState.Failed, Failure: { } failure } when flight is null && failure.Until > time.GetUtcNow() => Failed(failure),
            { State: MachineRecordState.Waking } when flight is null or { Current: WakeStep.Waiting } =>
                OnItsWay("waking", Waking, record.Step ?? "start", time.GetUtcNow() - record.ChangedAt),
            _ when flight is not null => OnItsWay("waking", Waking, WakeSteps.NameOf(flight.Current), flight.Elapsed, flight.Queue),
            { State: MachineRecordState.Gone } => Calm("gone"),
            { State: MachineRecordState.Stopping } => Calm("stopping"),
            _ => Calm("asleep"),
        };
    }

    private static ProgressReport Calm(string state) => new(state, [], TimeSpan.Zero, null, null);

    private ProgressReport Failed(RecordFailure failure) => new("failed", [], TimeSpan.Zero, failure.Detail, failure.Until - time.GetUtcNow());

    private ProgressReport OnItsWay(string state, (string Name, string Text)[] steps, string current, TimeSpan elapsed, QueueWatch? queue = null)
    {
        var reached = 0;
        while (reached < steps.Length && steps[reached].Name != current)
        {
            reached++;
        }

        // What comes before the first step is a part of it, and what comes after the last is the forward.
        reached = reached < steps.Length ? reached : current is "ready" ? steps.Length - 1 : 0;
        return new(
            state,
            [.. steps.Select((step, at) => new ProgressStep(
                step.Name, step.Text, at < reached ? StepState.Done : at == reached ? StepState.Current : StepState.Coming, UsualOf(step.Name)))],
            elapsed > TimeSpan.Zero ? elapsed : TimeSpan.Zero,
            null,
            null)
        {
            Queue = queue?.Place is { } place ? (place.Position, place.ExpectedWait) : null,
        };
    }

    private TimeSpan? UsualOf(string step) => step switch
    {
        "start" => times.Usual(WakeStep.Starting),
        "boot" => times.Usual(WakeStep.Booting),
        "check" => times.Usual(WakeStep.Checking),
        _ => null,
    };
}
