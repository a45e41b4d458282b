namespace Gateway.Sessions;

/// <summary>
/// What is kept beside the records and cannot be rebuilt from machines: small texts by kind and key, and logs of bounded length. A process boundary like
/// <see cref="ISessionMap"/>, with the same exception when the map does not answer.
/// </summary>
internal interface INotes
{
    Task<string?> ReadAsync(string kind, string key, CancellationToken cancellationToken);

    /// <summary>All notes of a kind, by their keys.</summary>
    Task<IReadOnlyDictionary<string, string>> ReadAllAsync(string kind, CancellationToken cancellationToken);

    /// <summary>Writes the notes; a null text removes one.</summary>
    Task WriteAsync(string kind, IReadOnlyDictionary<string, string?> notes, CancellationToken cancellationToken);

    /// <summary>Adds an entry to a log, which keeps its last <paramref name="keep"/>.</summary>
    Task AppendAsync(string log, string entry, int keep, CancellationToken cancellationToken);

    /// <summary>The last entries of a log, newest first.</summary>
    Task<IReadOnlyList<string>> ReadLastAsync(string log, int limit, CancellationToken cancellationToken);
}
