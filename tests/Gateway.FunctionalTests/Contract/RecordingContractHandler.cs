using System.Collections.Concurrent;

namespace Gateway.FunctionalTests.Contract;

/// <summary>Holds every exchange that passes against the contract and remembers the faults; the exchange itself is not touched.</summary>
internal sealed class RecordingContractHandler(ContractValidator contract) : DelegatingHandler
{
    private readonly ConcurrentQueue<string> _faults = [];
    private int _exchanges;

    public RecordingContractHandler(ContractValidator contract, HttpMessageHandler inner)
        : this(contract) => InnerHandler = inner;

    /// <summary>All that was wrong, in order, each once for each time.</summary>
    public IReadOnlyList<string> Faults => [.. _faults];

    /// <summary>How many exchanges were looked at: none is a test that tested nothing.</summary>
    public int Exchanges => Volatile.Read(ref _exchanges);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var method = request.Method.Method;
        var target = request.RequestUri!.PathAndQuery;
        var sent = request.Content is null ? null : await request.Content.ReadAsStringAsync(cancellationToken);
        Remember(contract.ValidateRequest(method, target, sent, Headers(request.Headers)));
        Interlocked.Increment(ref _exchanges);

        var response = await base.SendAsync(request, cancellationToken);
        await response.Content.LoadIntoBufferAsync(cancellationToken);
        var received = await response.Content.ReadAsStringAsync(cancellationToken);
        Remember(contract.ValidateResponse(method, target, (int)response.StatusCode, received, Headers(response.Headers)));
        return response;
    }

    private void Remember(IReadOnlyList<string> faults)
    {
        foreach (var fault in faults)
        {
            _faults.Enqueue(fault);
        }
    }

    private static Dictionary<string, string> Headers(System.Net.Http.Headers.HttpHeaders headers) =>
        headers.ToDictionary(static header => header.Key, static header => string.Join(',', header.Value), StringComparer.OrdinalIgnoreCase);
}
