using System.Text.Json;
using System.Text.Json.Serialization;
using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>What an operator's <c>PUT</c> says: an existing machine, of any app on the private network.</summary>
internal sealed record AssignmentJson(
    [property: JsonPropertyName("app")] string? App,
    [property: JsonPropertyName("machine")] string? Machine);

[JsonSerializable(typeof(AssignmentJson))]
internal sealed partial class AssignmentContext : JsonSerializerContext;

/// <summary>
/// Gives a user an existing machine, which several may share. Creates no machine and no volume. What gives a machine to a user is also proven in its
/// metadata, so that a lost map is rebuilt the same.
/// </summary>
internal sealed class RouteAssignment(ISessionMap map, IMachines machines, WorkspaceNames names, TimeProvider time)
{
    /// <summary>Null: done.</summary>
    public async Task<Refusal?> AssignAsync(UserId user, Stream body, CancellationToken cancellationToken)
    {
        if (await ReadAsync(body, cancellationToken) is not { App: { Length: > 0 } app, Machine: { Length: > 0 } id })
        {
            return new(400, "bad-assignment", "The assignment cannot be read", "Send {\"app\":\"<fly app>\",\"machine\":\"<machine id>\"}.");
        }

        var read = await machines.GetAsync(app, new MachineId(id), cancellationToken);
        if (!read.IsOk || read.Value.State is PlatformState.Destroyed)
        {
            return read.Failure is null or { Kind: MachinesFailureKind.NotFound }
                ? new(422, "no-such-machine", "No such machine", $"App {app} has no machine {id}.")
                : new Refusal(503, "platform-unavailable", "The platform does not answer", "The machine could not be looked up. Try again shortly.") { RetryAfter = TimeSpan.FromSeconds(5) };
        }

        var machine = read.Value;
        if (!names.IsOf(user, app, machine.Name, machine.Metadata))
        {
            foreach (var (key, value) in names.SharedMetadata(app, machine.Name, user))
            {
                if (!(await machines.SetMetadataAsync(app, machine.Id, key, value, cancellationToken)).IsOk)
                {
                    return new Refusal(503, "platform-unavailable", "The platform does not answer", "The machine's metadata could not be written, so nothing was assigned. Try again shortly.") { RetryAfter = TimeSpan.FromSeconds(5) };
                }
            }
        }

        var session = await map.FindSessionAsync(user, cancellationToken) ?? new Session { User = user, State = SessionState.Assigned, App = app };
        var volume = machine.Config?.Mounts is [var mount, ..] ? new VolumeId(mount.Volume) : (VolumeId?)null;
        var write = await map.WriteAsync(
            session with { State = SessionState.Assigned, App = app, Machine = machine.Id, Volume = volume, VolumeGb = volume == session.Volume ? session.VolumeGb : null, Region = machine.Region, Lease = null, Failure = null, ChangedAt = time.GetUtcNow() },
            cancellationToken);
        return write.Won ? null : Changed;
    }

    private static Refusal Changed => new(409, "changed-meanwhile", "The session changed meanwhile", "Read the route again and decide anew.");

    private static async Task<AssignmentJson?> ReadAsync(Stream body, CancellationToken cancellationToken)
    {
        try
        {
            return await JsonSerializer.DeserializeAsync(body, AssignmentContext.Default.AssignmentJson, cancellationToken);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
