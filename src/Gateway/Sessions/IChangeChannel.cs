using Gateway.Redis;

namespace Gateway.Sessions;

/// <summary>The line on which replicas hear of changes. A process boundary like <see cref="ISessionMap"/>: messages may be lost, late, or come twice.</summary>
internal interface IChangeChannel
{
    /// <summary>A connection came (back) to life: whatever was said meanwhile is unknown.</summary>
    event Action? Connected;

    /// <summary>How long ago the other end last answered anything.</summary>
    TimeSpan SinceContact { get; }

    /// <summary>Something was heard.</summary>
    void Touch();

    /// <summary>Ends with the first attempt to connect.</summary>
    Task FirstAttemptAsync();

    /// <summary>From whenever there is a connection, each message is given to <paramref name="hear"/>, one at a time.</summary>
    Task ListenAsync(Action<string> hear);

    /// <summary>Says again, to everybody, how far the sequence is.</summary>
    Task BeatAsync(CancellationToken cancellationToken);
}

/// <summary>Pub/sub of Redis.</summary>
internal sealed class RedisChangeChannel(RedisConnection connection, MapCalls calls, MapKeys keys) : IChangeChannel
{
    public event Action? Connected
    {
        add => connection.Connected += value;
        remove => connection.Connected -= value;
    }

    public TimeSpan SinceContact => connection.SinceContact;

    public void Touch() => connection.Touch();

    public Task FirstAttemptAsync() => connection.FirstAttempt;

    public Task ListenAsync(Action<string> hear) => connection.ListenAsync(keys.Changes, message =>
    {
        hear(message);
        return Task.CompletedTask;
    });

    public Task BeatAsync(CancellationToken cancellationToken) => calls.ScriptAsync(SessionScripts.Beat, [keys.Sequence], [keys.Changes.ToString()], cancellationToken);
}
