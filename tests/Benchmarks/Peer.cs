namespace Benchmarks;

/// <summary>Something to put in front of workspaces, running.</summary>
/// <param name="Name">As it stands in the tables.</param>
/// <param name="Does">What it does for each request besides passing it on.</param>
/// <param name="Url">Where it listens.</param>
/// <param name="Processes">All in the path but the backend; what they start counts as well.</param>
/// <param name="CredentialsFile">What lets somebody in, one a line, as it stands in a request's head: <c>Authorization: Bearer …</c>.</param>
internal sealed record Peer(string Name, string Does, string Url, int[] Processes, string CredentialsFile)
{
    /// <summary>Where it tells its allocated bytes, if it does.</summary>
    public string? MetricsUrl { get; init; }

    /// <summary>Where it takes HTTP/2 without TLS, if it does.</summary>
    public string? Http2Url { get; init; }

    /// <summary>A request without a credential is refused.</summary>
    public bool Authenticates { get; init; }
}
