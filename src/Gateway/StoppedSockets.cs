using Gateway.Idling;
using Gateway.Proxying.Sockets;
using Gateway.Sessions;

namespace Gateway;

/// <summary>
/// Closes sockets, on whichever replica they are, that would otherwise end with the machine under them or lead to one that is their user's no longer: with a
/// reason, so that a client knows whether to connect again.
/// </summary>
internal sealed class StoppedSockets(ChangeFeed feed, ISessionMap map, Visits visits, OpenSockets sockets) : IHostedService
{
    private const ushort GoingAway = 1001;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        feed.MachineChanged += OnMachineChanged;
        feed.SessionChanged += OnSessionChanged;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        feed.MachineChanged -= OnMachineChanged;
        feed.SessionChanged -= OnSessionChanged;
        return Task.CompletedTask;
    }

    private void OnMachineChanged(MachineId machine, long epoch)
    {
        if (visits.Of(machine) is { Sockets: > 0 })
        {
            _ = CloseAsync(machine);
        }
    }

    private void OnSessionChanged(UserId user, long epoch)
    {
        if (sockets.Of(user).Count > 0)
        {
            _ = CloseAsync(user);
        }
    }

    private async Task CloseAsync(MachineId machine)
    {
        try
        {
            switch (await map.FindMachineAsync(machine, CancellationToken.None))
            {
                case { State: MachineRecordState.Stopping }:
                    await sockets.CloseMachineAsync(machine, GoingAway, "Your workspace is being stopped by an operator.");
                    break;
                case { State: MachineRecordState.Gone }:
                    await sockets.CloseMachineAsync(machine, GoingAway, "Your workspace's machine is gone; please connect again.");
                    break;
            }
        }
        catch (SessionMapUnavailableException)
        {
            // They end with the machine.
        }
    }

    private async Task CloseAsync(UserId user)
    {
        try
        {
            var session = await map.FindSessionAsync(user, CancellationToken.None);
            if (session is null && !(await map.ReadGenerationAsync(CancellationToken.None)).Listed)
            {
                // The map was lost, and knows of nobody yet.
                return;
            }

            var reason = session is null ? "Your workspace was removed by an operator." : "Your workspace has moved to another machine; please connect again.";
            await sockets.CloseUserAsync(user, session?.Machine, GoingAway, reason);
        }
        catch (SessionMapUnavailableException)
        {
            // Whether they still lead to the user's own machine is not known.
        }
    }
}
