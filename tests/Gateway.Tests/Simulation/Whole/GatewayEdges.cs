using Gateway.Idling;
using Gateway.Proxying;
using Gateway.Waking;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>The way from one gateway to the machines: connections that come about or not, and answers.</summary>
internal sealed class WholeForwarder(GatewayProcess gateway, WholeSystem system, WorkspaceConnections connections) : IHttpForwarder
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);
    private static readonly byte[] SomeBytes = new byte[16];

    public ValueTask<ForwarderError> SendAsync(HttpContext context, string destinationPrefix, HttpMessageInvoker httpClient, ForwarderRequestConfig requestConfig, HttpTransformer transformer) =>
        SendAsync(context, destinationPrefix, httpClient, requestConfig, transformer, CancellationToken.None);

    public async ValueTask<ForwarderError> SendAsync(
        HttpContext context, string destinationPrefix, HttpMessageInvoker httpClient, ForwarderRequestConfig requestConfig, HttpTransformer transformer, CancellationToken cancellationToken)
    {
        var request = context.Features.Get<ClientRequest>()!;
        var authority = destinationPrefix["http://".Length..];
        system.Promises.Forwarding(request, authority);
        var address = connections.AddressOf(authority)?.ToString();
        if (address is null || await ConnectAsync(request, address) is not { } work)
        {
            return Fail(context, ForwarderError.Request, new HttpRequestException(HttpRequestError.ConnectionError, "simulated"));
        }

        using var leaving = request.Left.UnsafeRegister(_ => system.Workspaces.End(work, WorkEnd.ClientLeft), null);
        gateway.Passing(work, context);
        if (request.IsStream || request.IsSocket)
        {
            Begin(context);
        }

        var end = await work.Ended.Task;
        gateway.Passed(work);
        switch (end)
        {
            case WorkEnd.Closed:
                return ForwarderError.None;
            case WorkEnd.Answered:
                Begin(context);
                await context.Response.Body.WriteAsync(SomeBytes, CancellationToken.None);
                return ForwarderError.None;
            case WorkEnd.ClientLeft:
                return Fail(context, ForwarderError.RequestCanceled, new OperationCanceledException());
            default:
                return Fail(context, ForwarderError.ResponseBodyDestination, new IOException("simulated: the machine went away"));
        }
    }

    /// <summary>The head of the answer is here.</summary>
    public static void Begin(HttpContext context)
    {
        if (context.Request.IsUpgrade())
        {
            OpenAnswer.Of(context).SocketOpened();
        }
        else
        {
            OpenAnswer.Of(context).Began();
        }
    }

    private Task<Work?> ConnectAsync(ClientRequest request, string address)
    {
        var connected = new TaskCompletionSource<Work?>();
        system.World.After(system.World.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(3)), () =>
        {
            var work = gateway.Reaches(address) && !gateway.Context.IsDead ? system.Workspaces.Arrive(request, address, gateway) : null;
            var answers = work is not null || system.World.Chance(0.5) ? TimeSpan.FromMilliseconds(1) : ConnectTimeout;
            system.World.After(answers, () => gateway.Context.Do(() => connected.TrySetResult(work)));
        });
        return connected.Task;
    }

    private static ForwarderError Fail(HttpContext context, ForwarderError error, Exception exception)
    {
        context.Features.Set<IForwarderErrorFeature>(new Failure(error, exception));
        return error;
    }

    private sealed record Failure(ForwarderError Error, Exception? Exception) : IForwarderErrorFeature;
}

/// <summary>Asks a machine whether it is ready, over the same way.</summary>
internal sealed class WholeProbe(GatewayProcess gateway, WholeSystem system) : IReadinessProbe
{
    private static readonly TimeSpan Grid = TimeSpan.FromMilliseconds(150);

    public async Task<ProbeOutcome> ProbeAsync(ProbeTarget target, TimeSpan limit, Action connected, CancellationToken cancellationToken)
    {
        var outcome = ProbeOutcome.Silent;
        var started = gateway.Time.GetTimestamp();
        while (gateway.Time.GetElapsedTime(started) < limit)
        {
            if (outcome is ProbeOutcome.Silent && gateway.Reaches(target.Address) && system.Machines.TakesConnectionsAt(target.Address))
            {
                outcome = ProbeOutcome.Unhealthy;
                connected();
            }

            if (gateway.Reaches(target.Address) && system.Machines.ReadyAt(target.Address) is { } machine)
            {
                system.Promises.Probed(target, machine, gateway.Name);
                return ProbeOutcome.Ready;
            }

            await Task.Delay(Grid, gateway.Time, cancellationToken);
        }

        return outcome;
    }
}

/// <summary>The sockets of a machine through one gateway, and how they are told to go.</summary>
internal sealed class WholeSockets(GatewayProcess gateway, WholeSystem system) : ISocketsOfMachine
{
    public async Task CloseAsync(MachineId machine, CancellationToken cancellationToken)
    {
        var sockets = system.Workspaces.Open.Where(work => work.Gateway == gateway && work.Machine == machine && (work.Request.IsSocket || work.Request.IsStream)).ToList();
        if (sockets.Count > 0)
        {
            system.Tally.Count("socket closed for idleness", sockets.Count(static work => work.Request.IsSocket));
            system.Tally.Count("stream closed for idleness", sockets.Count(static work => work.Request.IsStream));
            await Task.Delay(system.World.Between(TimeSpan.Zero, TimeSpan.FromSeconds(2)), gateway.Time, cancellationToken);
        }

        sockets.ForEach(work => system.Workspaces.End(work, WorkEnd.Closed));
    }
}

/// <summary>One gateway's calls of the platform: they take time, and what was asked for is carried out whether the asker lives or not.</summary>
internal sealed class PlatformLine(GatewayProcess gateway, WholeSystem system) : ICallPath
{
    private static readonly TimeSpan Quick = TimeSpan.FromMilliseconds(60);

    public async Task<T> CallAsync<T>(string action, string target, Func<Task<T>> call)
    {
        if (action is ("stop" or "suspend") && system.TryPauseBeforeStop(gateway, new MachineId(target)))
        {
            await Task.Yield();
        }

        var answer = new TaskCompletionSource<T>();
        system.Tally.Count("platform: " + action);
        system.Promises.Asking(action, target, gateway);
        system.World.After(system.World.Between(TimeSpan.Zero, Quick), () => _ = CarryOutAsync(call, answer));
        try
        {
            return await answer.Task;
        }
        finally
        {
            system.Promises.Asked(action, target, gateway);
        }
    }

    private async Task CarryOutAsync<T>(Func<Task<T>> call, TaskCompletionSource<T> answer)
    {
        try
        {
            var result = await call();
            system.World.After(system.World.Between(TimeSpan.Zero, Quick), () => gateway.Context.Do(() => answer.TrySetResult(result)));
        }
        catch (OperationCanceledException exception)
        {
            gateway.Context.Do(() => answer.TrySetCanceled(exception.CancellationToken));
        }
    }
}
