namespace Gateway.Sessions;

/// <summary>This gateway process among its peers. The name is new with each start: a restarted process owns nothing of its former life.</summary>
internal sealed record Replica(string Name)
{
    /// <summary>Named after the Fly Machine it runs on, or the host, with a random part.</summary>
    public static Replica New() =>
        new($"{Environment.GetEnvironmentVariable("FLY_MACHINE_ID") ?? Environment.MachineName}-{Guid.NewGuid().ToString("N")[..8]}");
}
