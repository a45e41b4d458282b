using Gateway.Idling;
using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>What an operator wants of a machine.</summary>
internal enum OperatorWish
{
    Stop,
    Suspend,
    Restart,
}

/// <summary>Stops, suspends or restarts a machine because an operator says so: nobody's consent is asked for, and every replica closes its sockets with a reason.</summary>
internal sealed partial class OperatorStop(
    ISessionMap map, IMachines machines, WorkspaceNames names, MachineStop stop, RouteSources sources, Trail trail, TimeProvider time, IHostApplicationLifetime lifetime, ILogger<OperatorStop> logger)
{
    /// <summary>A client has two seconds for the echo of its Close.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(3);

    /// <summary>Null: it is under way, or there is nothing to do.</summary>
    public async Task<Refusal?> BeginAsync(FoundRoute route, OperatorWish wish, bool shared, CancellationToken cancellationToken)
    {
        if (route.Session is not { State: SessionState.Assigned, Machine: { } machine } session)
        {
            return new Refusal(409, "no-machine-yet", "No machine to stop", "The session has no machine assigned yet.") { GatewayState = route.Route.State };
        }

        var read = await machines.GetAsync(session.App, machine, cancellationToken);
        if (!read.IsOk)
        {
            return OperatorRefusals.Of(read.Failure);
        }

        var users = names.UsersOf(session.App, read.Value.Name, read.Value.Metadata, out _).Count;
        if (users > 1 && !shared)
        {
            return OperatorRefusals.Shared(users);
        }

        var record = await map.FindMachineAsync(machine, cancellationToken)
            ?? new MachineRecord { Machine = machine, App = session.App, State = MachineRecordState.Asleep };
        if (record.State is MachineRecordState.Unknown or MachineRecordState.Gone || (record.State is not MachineRecordState.Draining && record.Lease?.Until > time.GetUtcNow()))
        {
            // Asked again, a stop that is under way is what was asked for.
            return record.State is MachineRecordState.Stopping && wish is not OperatorWish.Restart
                ? null
                : new Refusal(409, "in-the-way", "Something is being done to it", "The machine is on its way to another state. Try again shortly.") { GatewayState = route.Route.State, RetryAfter = TimeSpan.FromSeconds(5) };
        }

        var rests = read.Value.State is PlatformState.Stopped || (read.Value.State is PlatformState.Suspended && wish is OperatorWish.Suspend);
        if (!rests || record.State is not MachineRecordState.Asleep)
        {
            trail.Add(machine, "operator", NameOf(wish), "an operator asked for it");
            _ = StopAsync(record, session, wish);
        }
        else if (wish is OperatorWish.Restart)
        {
            sources.Wake(session);
        }

        return null;
    }

    private static string NameOf(OperatorWish wish) => wish switch
    {
        OperatorWish.Stop => "stopped",
        OperatorWish.Suspend => "suspended",
        _ => "restarted",
    };

    private async Task StopAsync(MachineRecord record, Session session, OperatorWish wish)
    {
        try
        {
            var kind = wish is OperatorWish.Suspend ? StopKind.Suspend : StopKind.Stop;
            var outcome = await stop.RunAsync(record, record.State is MachineRecordState.Draining ? MachineRecordState.Awake : record.State, kind, null, Farewell, lifetime.ApplicationStopping);
            if (wish is OperatorWish.Restart && outcome is IdleStopOutcome.Asleep)
            {
                sources.Wake(session);
            }
        }
        catch (Exception exception) when (exception is SessionMapUnavailableException or OperationCanceledException)
        {
            // The record says stopping, and whoever comes next finishes it.
            Log.StopLeft(logger, record.Machine.Value);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(9050, LogLevel.Warning, "The stop of machine {Machine} that an operator asked for is left to whoever comes next", EventName = "OperatorStopLeft")]
        public static partial void StopLeft(ILogger logger, string machine);
    }
}

/// <summary><c>/api/routes/{id}/stop</c>, <c>suspend</c> and <c>restart</c>.</summary>
internal static class StopEndpoints
{
    public static Task StopAsync(HttpContext context, string id, RouteListing listing, OperatorStop stop) => AnswerAsync(context, id, listing, stop, OperatorWish.Stop);

    public static Task SuspendAsync(HttpContext context, string id, RouteListing listing, OperatorStop stop) => AnswerAsync(context, id, listing, stop, OperatorWish.Suspend);

    public static Task RestartAsync(HttpContext context, string id, RouteListing listing, OperatorStop stop) => AnswerAsync(context, id, listing, stop, OperatorWish.Restart);

    private static Task AnswerAsync(HttpContext context, string id, RouteListing listing, OperatorStop stop, OperatorWish wish) => RouteEndpoints.AnswerAsync(context, async () =>
    {
        if (await RouteEndpoints.FindAsync(id, listing, context.RequestAborted) is not { } found)
        {
            await RouteEndpoints.RefuseAsync(context, RouteEndpoints.NoSuchRoute);
            return;
        }

        if (await stop.BeginAsync(found, wish, context.Request.Query["shared"] == "true", context.RequestAborted) is { } refusal)
        {
            await RouteEndpoints.RefuseAsync(context, refusal);
            return;
        }

        await ActionAnswer.WriteAsync(context, found.Session.User, listing);
    });
}
