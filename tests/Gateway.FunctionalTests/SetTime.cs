namespace Gateway.FunctionalTests;

/// <summary>It is what a test says it is; timers and spans are real.</summary>
internal sealed class SetTime(DateTimeOffset now) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now;
}
