using Gateway.Idling;
using Gateway.Proxying.Sockets;
using Gateway.Sessions;

namespace Gateway;

/// <summary>Closes the sockets of a machine that is being stopped without their consent, on whichever replica they are, with a reason rather than by the machine's end.</summary>
internal sealed class StoppedSockets(ChangeFeed feed, ISessionMap map, Visits visits, OpenSockets sockets) : IHostedService
{
    private const ushort GoingAway = 1001;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        feed.MachineChanged += OnChanged;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        feed.MachineChanged -= OnChanged;
        return Task.CompletedTask;
    }

    private void OnChanged(MachineId machine, long epoch)
    {
        if (visits.Of(machine) is { Sockets: > 0 })
        {
            _ = CloseAsync(machine);
        }
    }

    private async Task CloseAsync(MachineId machine)
    {
        try
        {
            if (await map.FindMachineAsync(machine, CancellationToken.None) is { State: MachineRecordState.Stopping })
            {
                await sockets.CloseMachineAsync(machine, GoingAway, "Your workspace is being stopped by an operator.");
            }
        }
        catch (SessionMapUnavailableException)
        {
            // They end with the machine.
        }
    }
}
