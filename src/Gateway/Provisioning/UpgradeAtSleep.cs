using System.Threading.Channels;
using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>
/// Upgrades machines as they fall asleep, so that no wake pays for it. In memory and bounded: what is missed here, or cannot be done now, is done at the
/// machine's next wake.
/// </summary>
internal sealed partial class UpgradeAtSleep(ISessionMap map, WorkspaceUpgrade upgrade, WorkspaceTemplate template, ILogger<UpgradeAtSleep> logger) : BackgroundService
{
    private const int MostWaiting = 1_000;
    private const int AtOnce = 4;

    private readonly Channel<MachineId> _asleep = Channel.CreateBounded<MachineId>(new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>
    /// This replica has put it to sleep; what it was made as is in its record before that. Costs nothing for a machine that has what the template says: an
    /// override of its user's is seen by the upgrade itself.
    /// </summary>
    public void FellAsleep(MachineRecord before)
    {
        if (before.Make?.Spec != template.SpecFor(null))
        {
            _asleep.Writer.TryWrite(before.Machine);
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => WorkAsync(stoppingToken)));

    private async Task WorkAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var machine = await _asleep.Reader.ReadAsync(stoppingToken);
            try
            {
                await LookAsync(machine, stoppingToken);
            }
            catch (SessionMapUnavailableException)
            {
                // Its next wake looks again.
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // A worker that ends takes the whole process with it.
                Log.Faulted(logger, e, machine);
            }
        }
    }

    private async Task LookAsync(MachineId machine, CancellationToken cancellationToken)
    {
        if (await map.FindMachineAsync(machine, cancellationToken) is { State: MachineRecordState.Asleep } record)
        {
            await upgrade.RunAsync(record, insist: false, cancellationToken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(7023, LogLevel.Error, "The upgrade of machine {Machine} at its sleep ended in an unforeseen way", EventName = "UpgradeAtSleepFaulted")]
        public static partial void Faulted(ILogger logger, Exception exception, MachineId machine);
    }
}
