using System.Text.Json;
using System.Text.Json.Serialization;
using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>A round over all machines, as every replica can read it. <paramref name="Later"/>: in use, and upgraded at their next sleep or wake.</summary>
/// <param name="Template">What the template of whoever was asked says: during a deploy, replicas of another one leave the round alone.</param>
internal sealed record UpgradeRoundState(DateTimeOffset AskedAt, MachineSpec Template, double PaceSeconds, DateTimeOffset? EndedAt, int Looked, int Upgraded, int Later, int Failed);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(UpgradeRoundState))]
internal sealed partial class UpgradeRoundJson : JsonSerializerContext;

/// <summary>
/// Upgrades all machines that sleep, one after another, so that their next wakes are not the ones that pay for it. Asked for by a note in the map; one
/// replica goes round at a time, and another goes on when it dies.
/// </summary>
internal sealed class UpgradeRound(
    INotes notes,
    IVisitMap duties,
    ISessionMap map,
    IMachines machines,
    WorkspaceUpgrade upgrade,
    WorkspaceTemplate template,
    WorkspaceNames names,
    WorkspaceOverrides overrides,
    Replica replica,
    TimeProvider time)
{
    private const string Kind = "rounds";
    private const string Name = "upgrade";
    private const string Duty = "upgrade-round";

    /// <summary>Longer than one upgrade takes.</summary>
    private static readonly TimeSpan DutyLease = TimeSpan.FromMinutes(4);

    private static readonly TimeSpan ListingPause = TimeSpan.FromSeconds(5);
    private static readonly Dictionary<string, string> Everything = [];

    public async Task<UpgradeRoundState?> ReadAsync(CancellationToken cancellationToken) =>
        await notes.ReadAsync(Kind, Name, cancellationToken) is { } text ? JsonSerializer.Deserialize(text, UpgradeRoundJson.Default.UpgradeRoundState) : null;

    /// <summary>Asks for a round; one that is under way is not begun again.</summary>
    public async Task<UpgradeRoundState> AskAsync(TimeSpan pace, CancellationToken cancellationToken)
    {
        if (await ReadAsync(cancellationToken) is { EndedAt: null } underWay && underWay.Template == template.SpecFor(null))
        {
            return underWay;
        }

        var asked = new UpgradeRoundState(time.GetUtcNow(), template.SpecFor(null), pace.TotalSeconds, null, 0, 0, 0, 0);
        await SaveAsync(asked, cancellationToken);
        return asked;
    }

    /// <summary>Goes round if one is asked for and nobody else does. True: it went to the end.</summary>
    public async Task<bool> RunIfAskedAsync(CancellationToken cancellationToken)
    {
        if (await ReadAsync(cancellationToken) is not { EndedAt: null } asked || asked.Template != template.SpecFor(null) || !await HoldAsync(cancellationToken))
        {
            return false;
        }

        // A round that is gone on with counts anew, but for what is done already.
        var state = asked with { Looked = 0, Later = 0, Failed = 0 };
        string? cursor = null;
        do
        {
            var page = await machines.ListAsync(template.App, Everything, cursor, cancellationToken);
            if (!page.IsOk)
            {
                await Task.Delay(ListingPause, time, cancellationToken);
                return false;
            }

            foreach (var machine in page.Value.Machines)
            {
                if (await StepAsync(state, machine, cancellationToken) is not { } next)
                {
                    return false;
                }

                state = next;
            }

            cursor = page.Value.Next;
        }
        while (cursor is not null);

        await SaveAsync(state with { EndedAt = time.GetUtcNow() }, cancellationToken);
        return true;
    }

    /// <summary>Null: the round is somebody else's now.</summary>
    private async Task<UpgradeRoundState?> StepAsync(UpgradeRoundState state, Machine machine, CancellationToken cancellationToken)
    {
        state = state with { Looked = state.Looked + 1 };
        if (machine.State is PlatformState.Destroyed || WorkspaceUpgrade.OwnerOf(names, template.App, machine) is not { } owner
            || WorkspaceTemplate.SpecOf(machine.Config) == template.SpecFor(await overrides.FindAsync(owner, cancellationToken)))
        {
            return state;
        }

        if (!await HoldAsync(cancellationToken))
        {
            return null;
        }

        var record = await map.FindMachineAsync(machine.Id, cancellationToken)
            ?? new MachineRecord { Machine = machine.Id, App = template.App, State = MachineRecordState.Asleep, Region = machine.Region, ChangedAt = time.GetUtcNow() };
        var outcome = await upgrade.RunAsync(record, insist: false, cancellationToken);
        state = outcome.Result switch
        {
            UpgradeResult.Upgraded => state with { Upgraded = state.Upgraded + 1 },
            UpgradeResult.Later or UpgradeResult.TakenOver => state with { Later = state.Later + 1 },
            UpgradeResult.Current or UpgradeResult.Seen or UpgradeResult.NotOurs => state,
            _ => state with { Failed = state.Failed + 1 },
        };
        await SaveAsync(state, cancellationToken);
        if (outcome.Result is not UpgradeResult.Later)
        {
            await Task.Delay(TimeSpan.FromSeconds(state.PaceSeconds), time, cancellationToken);
        }

        return state;
    }

    private Task<bool> HoldAsync(CancellationToken cancellationToken) => duties.HoldDutyAsync(Duty, replica.Name, DutyLease, cancellationToken);

    private Task SaveAsync(UpgradeRoundState state, CancellationToken cancellationToken) =>
        notes.WriteAsync(Kind, new Dictionary<string, string?> { [Name] = JsonSerializer.Serialize(state, UpgradeRoundJson.Default.UpgradeRoundState) }, cancellationToken);
}

/// <summary>Looks every few seconds whether a round is asked for.</summary>
internal sealed partial class UpgradeWatch(UpgradeRound round, TemplateInForce inForce, TimeProvider time, ILogger<UpgradeWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(3);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        do
        {
            try
            {
                await inForce.AnnounceAsync(stoppingToken);
                await round.RunIfAskedAsync(stoppingToken);
            }
            catch (SessionMapUnavailableException)
            {
                // The note is still there when the map is.
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // A watch that ends takes the whole process with it.
                Log.Faulted(logger, e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private static partial class Log
    {
        [LoggerMessage(7022, LogLevel.Error, "The round of upgrades ended in an unforeseen way", EventName = "UpgradeRoundFaulted")]
        public static partial void Faulted(ILogger logger, Exception exception);
    }
}
