using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace Gateway.Identity.Assertions;

/// <summary>
/// What the gateway tells a machine of a request's user, signed, so that a workspace can refuse whoever dials it directly. One assertion serves all
/// requests of a user to a machine for half of its life: a warm request reads it from memory.
/// </summary>
internal sealed class WorkspaceAssertions(AssertionKeyRing keys, IOptions<AssertionOptions> options, IOptions<IdentityOptions> identity, TimeProvider time)
{
    /// <summary>A gateway that has just started and does not reach Redis forwards without: the workspace decides.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly string _issuer = options.Value.AssertionIssuer is { Length: > 0 } issuer ? issuer
        : identity.Value.PublicUrl is { Length: > 0 } url ? url.TrimEnd('/') : "gateway";

    private Issue _issue = new(time.GetTimestamp());

    /// <summary>Null: no key is known.</summary>
    public ValueTask<string?> OfAsync(UserId user, MachineId machine, CancellationToken cancellationToken) =>
        Current().Assertions.TryGetValue((user, machine), out var assertion) ? ValueTask.FromResult<string?>(assertion) : new(SignAsync(user, machine, cancellationToken));

    /// <summary>Everything signed in one half of a life is dropped at once at its end, so nothing handed out has less than the other half before it.</summary>
    private Issue Current()
    {
        var issue = Volatile.Read(ref _issue);
        if (time.GetElapsedTime(issue.Began) < options.Value.AssertionLifetime / 2)
        {
            return issue;
        }

        Interlocked.CompareExchange(ref _issue, new Issue(time.GetTimestamp()), issue);
        return Volatile.Read(ref _issue);
    }

    private async Task<string?> SignAsync(UserId user, MachineId machine, CancellationToken cancellationToken)
    {
        if (!keys.Ready.IsCompleted)
        {
            await keys.Ready.WaitAsync(Patience, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }

        if (keys.Signing() is not { } key)
        {
            return null;
        }

        var issue = Current();
        return issue.Assertions.GetOrAdd((user, machine), key.Sign(Payload(user, machine)));
    }

    private string Payload(UserId user, MachineId machine)
    {
        var now = time.GetUtcNow();
        using var buffer = new MemoryStream(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("iss", _issuer);
            json.WriteString("sub", user.Value);
            json.WriteString("aud", machine.Value);
            json.WriteNumber("iat", now.ToUnixTimeSeconds());
            json.WriteNumber("exp", (now + options.Value.AssertionLifetime).ToUnixTimeSeconds());
            json.WriteEndObject();
        }

        return Base64Url.EncodeToString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
    }

    private sealed record Issue(long Began)
    {
        public ConcurrentDictionary<(UserId User, MachineId Machine), string> Assertions { get; } = new();
    }
}
