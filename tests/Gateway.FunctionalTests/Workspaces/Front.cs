using System.Collections.Concurrent;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>Sends to whoever was healthy when last looked at, and to another when nobody takes the connection: then nothing was sent.</summary>
internal sealed class Front : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Uri, bool> _healthy = new();
    private readonly CancellationTokenSource _over = new();
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(5) };
    private readonly Task _looking;
    private int _next;

    public Front() => _looking = LookAsync();

    public async Task AddAsync(Uri gateway)
    {
        _healthy[gateway] = false;
        await Eventually.HoldsAsync(() => _healthy[gateway]);
    }

    public Task<HttpResponseMessage> GetAsync(HttpClient client, string path) => SendAsync(path, client.GetAsync);

    public Task<HttpResponseMessage> PostAsync(HttpClient client, string path, HttpContent content) => SendAsync(path, target => client.PostAsync(target, content));

    private async Task<HttpResponseMessage> SendAsync(string path, Func<Uri, Task<HttpResponseMessage>> send)
    {
        for (var tries = 0; ; tries++)
        {
            var healthy = _healthy.Where(static gateway => gateway.Value).Select(static gateway => gateway.Key).ToList();
            try
            {
                return await send(new Uri(healthy[(Interlocked.Increment(ref _next) & int.MaxValue) % healthy.Count], path));
            }
            catch (HttpRequestException exception) when (exception.HttpRequestError is HttpRequestError.ConnectionError && tries < 3)
            {
                // Next time another.
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _looking.WaitAsync(Eventually.Limit);
        _http.Dispose();
        _over.Dispose();
    }

    private async Task LookAsync()
    {
        while (!_over.IsCancellationRequested)
        {
            foreach (var gateway in _healthy.Keys)
            {
                try
                {
                    using var answer = await _http.GetAsync(new Uri(gateway, "/.gateway/health"));
                    _healthy[gateway] = answer.IsSuccessStatusCode;
                }
                catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
                {
                    _healthy[gateway] = false;
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        }
    }
}
