using Gateway.Sessions;

namespace Gateway.Tests.Sessions;

/// <summary>A change channel on which nothing is said.</summary>
internal sealed class QuietChannel : IChangeChannel
{
    public event Action? Connected;

    public TimeSpan SinceContact { get; set; }

    public void Connect() => Connected?.Invoke();

    public void Touch()
    {
    }

    public Task FirstAttemptAsync() => Task.CompletedTask;

    public Task ListenAsync(Action<string> hear) => Task.CompletedTask;

    public Task BeatAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
