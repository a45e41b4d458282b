using System.Runtime.CompilerServices;
using Gateway.Identity;
using Gateway.Identity.Assertions;
using Gateway.Idling;
using Gateway.Operations;
using Gateway.Provisioning;
using Gateway.Proxying;
using Gateway.Sessions;
using Gateway.Waking;
using Microsoft.Extensions.Options;

namespace Gateway;

/// <summary>
/// The path of a request for a workspace: who, where, a visit, awake?, forward. A warm request passes through without a call to Redis or the Machines API,
/// without a lock, and without waiting for anything but the workspace.
/// </summary>
internal sealed class WorkspaceRequest(
    RouteTable routes,
    WorkspaceProvisioner provisioner,
    Visits visits,
    VisitWaker waker,
    MachineWaker machines,
    BackgroundWakes background,
    RequestLimits limits,
    WorkspaceAssertions assertions,
    WorkspaceForwarder forwarder,
    OpenWaits waits,
    WorkspaceProgress progress,
    WakesAhead ahead,
    Shutdown shutdown,
    Trail trail,
    RequestTracing tracing,
    IOptions<WakingOptions> options,
    IOptions<WorkspaceOptions> workspaces,
    TimeProvider time)
{
    /// <summary>A belief that proves wrong is corrected and tried again; a machine that is lost each time is a failure to report.</summary>
    private const int MostForwards = 4;

    public Task HandleAsync(HttpContext context) => tracing.Draws() ? TraceAsync(context) : AnswerOrRefuseAsync(context);

    private async Task TraceAsync(HttpContext context)
    {
        using var span = RequestTracing.Begin(context.Request);
        await AnswerOrRefuseAsync(context);
        span?.SetTag("http.response.status_code", context.Response.StatusCode);
    }

    private async Task AnswerOrRefuseAsync(HttpContext context)
    {
        try
        {
            if (await AnswerAsync(context) is { } refusal)
            {
                await RefuseAsync(context, refusal);
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client left, and nobody is there to be told.
        }
        catch (OperationCanceledException) when (context.Features.Get<OpenWait>() is { CutFor: { } reason })
        {
            context.Response.Headers.WWWAuthenticate = "Bearer error=\"invalid_token\"";
            await RefuseAsync(context, Outcomes.AccessEnded(reason));
        }
    }

    private async Task RefuseAsync(HttpContext context, Refusal refusal)
    {
        if (!context.RequestAborted.IsCancellationRequested)
        {
            await RefusalResponse.WriteAsync(context, Outcomes.IsOnItsWay(refusal) ? refusal with { Progress = await progress.ReadAsync(Caller.Of(context).User, context.RequestAborted) } : refusal);
        }
    }

    /// <summary>Null: the workspace has answered, or the client has left; it may also leave by a cancellation.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Refusal?> AnswerAsync(HttpContext context)
    {
        // Who
        var caller = Caller.Of(context);
        if (caller.ByHeader)
        {
            // A workspace runs its user's code. The gateway's cookies are taken out where the workspace's are copied.
            context.Request.Headers.Authorization = default;
        }

        var user = caller.User;
        using var admission = limits.Admit(user, context.Request.IsUpgrade());
        if (admission.RetryAfter is { } later)
        {
            return Outcomes.TooMany(later);
        }

        // Where
        var hold = new Hold(context.Request, options.Value, time, time.GetTimestamp());
        var lookup = await routes.FindAsync(user, context.RequestAborted);
        return lookup switch
        {
            { Known: RouteKnown.Unknown } => Outcomes.MapUnavailable(TimeSpan.FromSeconds(2)),
            { Route.Session: { ClosedAt: not null } } => Outcomes.Closed,
            { Route: { Session: { State: SessionState.Assigned, Machine: { } machine } session } route } => await VisitAsync(context, caller, session, machine, route.Machine, hold),
            _ => await ProvisionAsync(context, caller, hold),
        };
    }

    /// <summary>A user without a workspace gets one, and then their answer from it.</summary>
    private async Task<Refusal?> ProvisionAsync(HttpContext context, Caller caller, Hold hold)
    {
        switch (await HeldAsync(context, caller, token => provisioner.EnsureAssignedAsync(caller.User, NearOf(context.Request), hold.Left, token)))
        {
            case ProvisionOutcome.Assigned { Session: { Machine: { } machine } session }:
                return await VisitAsync(context, caller, session, machine, routes.Believed(machine), hold);
            case ProvisionOutcome.Refused refused:
                if (refused.Reason is ProvisionRefusal.HoldLimit)
                {
                    ahead.WakeOnceMade(caller.User);
                }

                return Outcomes.Of(refused);
            default:
                throw new InvalidOperationException("A session was assigned without a machine.");
        }
    }

    private async Task<ProvisionOutcome> HeldAsync(HttpContext context, Caller caller, Func<CancellationToken, Task<ProvisionOutcome>> assign)
    {
        using var wait = Wait(context, caller);
        var outcome = await assign(wait.Token);
        // Its credential may have ended at the very end of the hold.
        wait.Token.ThrowIfCancellationRequested();
        return outcome;
    }

    /// <summary>From here on the request is held, for as long as what let it in counts.</summary>
    private OpenWait Wait(HttpContext context, Caller caller)
    {
        var wait = waits.Begin(caller.User, caller.Principal, context.RequestAborted);
        context.Features.Set(wait);
        return wait;
    }

    private string? NearOf(HttpRequest request) =>
        workspaces.Value.RegionHeader is { Length: > 0 } header && request.Headers[header] is [{ } region] ? region : null;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Refusal?> VisitAsync(HttpContext context, Caller caller, Session session, MachineId machine, MachineRecord? record, Hold hold)
    {
        var intent = Intent.Of(context.Request, !caller.BySignIn, options.Value.MonitorPaths);
        trail.Used(machine, intent.Cause);
        var doubted = default(long?);
        var held = default(WakeOutcome.Awake);

        for (var forwards = 1; forwards <= MostForwards; forwards++)
        {
            // We believed it awake and it took no connection. No visit is open while that is found out: a machine that nobody reaches may be put to sleep.
            if (doubted is not null)
            {
                (record, held, var reason) = await AwakeAsync(context, caller, session, machine, record, intent, null, doubted, hold);
                if (record is null)
                {
                    return reason;
                }
            }

            // Opened before the wake, so that no idle stop takes the machine from under this request; closed when all of it has ended.
            using var visit = visits.Open(machine, intent.IsSocket, intent.CountsAsUse, intent.DataCounts, caller.BySignIn ? VisitCredential.SignIn : VisitCredential.Token);

            // Awake?
            if (visit.GateIsClosed || record is not { State: MachineRecordState.Awake, Address: not null })
            {
                held?.Answered();
                (record, held, var reason) = await AwakeAsync(context, caller, session, machine, record, intent, visit, null, hold);
                if (record is null)
                {
                    return reason;
                }
            }

            // Forward
            background.Settle(record, intent.Right is WakeRight.Freely);
            var assertion = await assertions.OfAsync(caller.User, machine, context.RequestAborted);
            var forward = new Forward(context, machine, caller.User, caller.Principal, visit.Traffic, assertion);
            var forwarded = await forwarder.ForwardAsync(forward, record.Boot, record.Address!, shutdown.Token);
            held?.Answered();
            if (forwarded is not ForwardOutcome.NeverReached)
            {
                background.Settle(record, intent.IsSocket && visit.Traffic.ClientSpoke);
                return context.Response.HasStarted ? null : Outcomes.Of(forwarded);
            }

            // Nothing of the request was read, so it can go again, whatever its method.
            visit.NeverReached();
            doubted = record.Boot;
        }

        return Outcomes.Of(ForwardOutcome.NeverReached);
    }

    /// <summary>Holds the request until its machine is awake. Without a record, the refusal is its answer; where there is none either, it has been answered.</summary>
    private async Task<(MachineRecord? Record, WakeOutcome.Awake? Held, Refusal? Refusal)> AwakeAsync(
        HttpContext context, Caller caller, Session session, MachineId machine, MachineRecord? believed, Intent intent, Visit? visit, long? doubted, Hold hold)
    {
        var asked = new WakeRequest(session.App, machine, caller.User, intent.Cause);
        if (await background.PermitAsync(asked, intent.Right, believed, context.RequestAborted) is not { } wake)
        {
            return (null, null, Outcomes.Of(background.Refused(caller.User)));
        }

        WakeOutcome outcome;
        using (var wait = Wait(context, caller))
        {
            outcome = doubted is { } boot ? await machines.DoubtAsync(wake, boot, hold.Left, wait.Token) : await waker.EnsureAwakeAsync(visit!.Value, wake, hold.Left, wait.Token);
            if (wait.CutFor is not null)
            {
                (outcome as WakeOutcome.Awake)?.Answered();
                wait.Token.ThrowIfCancellationRequested();
            }
        }

        switch (outcome)
        {
            case WakeOutcome.Awake held:
                background.Unused(wake, held);
                hold.Report(context.Response, held);
                return (new MachineRecord { Machine = machine, App = session.App, State = MachineRecordState.Awake, Address = held.Address, Boot = held.Boot, Charge = routes.Believed(machine)?.Charge }, held, null);
            case WakeOutcome.Refused { Reason: WakeRefusal.Gone }:
                return (null, null, await ReplaceAsync(context, caller, session, hold));
            default:
                return (null, null, Outcomes.Of((WakeOutcome.Refused)outcome));
        }
    }

    /// <summary>The machine was destroyed behind our back; the volume is what matters, and it gets a new machine.</summary>
    private async Task<Refusal?> ReplaceAsync(HttpContext context, Caller caller, Session lost, Hold hold) =>
        await HeldAsync(context, caller, token => provisioner.ReplaceLostMachineAsync(lost, hold.Left, token)) switch
        {
            ProvisionOutcome.Assigned { Session: { Machine: { } machine } session } when machine != lost.Machine => await VisitAsync(context, caller, session, machine, null, hold),
            ProvisionOutcome.Refused refused => Outcomes.Of(refused),
            _ => Outcomes.Of(new WakeOutcome.Refused(WakeRefusal.Gone, WakeRefusals.DetailOf(WakeRefusal.Gone), TimeSpan.FromSeconds(5))),
        };
}
