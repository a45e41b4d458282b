using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Gateway.FunctionalTests.Chaos;

/// <summary>What came back of one request, or of one socket.</summary>
/// <param name="Kind"><c>read</c>, <c>order</c>, <c>write</c> or <c>terminal</c>.</param>
/// <param name="What">Which: unique among all people.</param>
/// <param name="Status">The answer's; 0: the connection broke, and what became of it is not known.</param>
/// <param name="Problem">The gateway's word for why it refused; empty: it was the workspace's own answer, or none.</param>
internal sealed record Came(string Kind, string What, int Status, string Problem)
{
    public bool IsGood => Status is >= 200 and < 300;
}

/// <summary>
/// Somebody at work, by chance: reads (and tries again, as that is safe), orders and writes (once each, whatever comes back), opens terminals, and goes away
/// for long enough that their machine sleeps.
/// </summary>
internal sealed class Person : IDisposable
{
    private const int MostTries = 10;

    // Longer than the gateway holds a request: what takes longer has no end.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(100);

    private readonly HttpClient _http;
    private readonly Uri _edge;
    private readonly Random _random;
    private readonly Func<string, string?> _ownerOf;
    private int _number;

    public Person(string name, string token, Uri edge, Func<string, string?> ownerOf, int seed)
    {
        (Name, Token, _edge, _ownerOf, _random) = (name, token, edge, ownerOf, new Random(seed));
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = edge, Timeout = Patience };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    public string Name { get; }

    public string Token { get; }

    public ConcurrentQueue<Came> All { get; } = new();

    /// <summary>What must never be: each a sentence.</summary>
    public ConcurrentQueue<string> Wrongs { get; } = new();

    /// <summary>Reads that were answered, at whichever try, and that were not.</summary>
    public (int Answered, int Failed) Reads { get; private set; }

    /// <summary>What was to be in each file whose writing was acknowledged.</summary>
    public ConcurrentDictionary<string, string> Written { get; } = new();

    public void ForgetReads() => Reads = default;

    public async Task LiveAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var number = string.Create(CultureInfo.InvariantCulture, $"{Name}-{_number++}");
            await (_random.Next(100) switch
            {
                < 55 => ReadAsync(number),
                < 70 => SendAsync("order", number, HttpMethod.Post, "/api/echo/orders/" + number),
                < 82 => WriteAsync(number),
                < 92 => TypeAsync(number),
                // Longer than the machine is kept for.
                _ => RestAsync(TimeSpan.FromSeconds(_random.Next(4, 12)), stop),
            });
            await RestAsync(TimeSpan.FromMilliseconds(_random.Next(100, 1500)), stop);
        }
    }

    /// <summary>True: it was answered within the tries of a patient client.</summary>
    public async Task<bool> ReadAsync(string number)
    {
        for (var tries = 0; tries < MostTries; tries++)
        {
            var (came, wait) = await SendAsync("read", number, HttpMethod.Get, "/api/echo/pages/" + number);
            if (came.IsGood)
            {
                Reads = Reads with { Answered = Reads.Answered + 1 };
                return true;
            }

            var pause = TimeSpan.FromMilliseconds(100 * (1 << Math.Min(tries, 4)));
            await Task.Delay(wait is { } asked && asked > pause ? asked : pause, TimeProvider.System);
        }

        Reads = Reads with { Failed = Reads.Failed + 1 };
        return false;
    }

    public void Dispose() => _http.Dispose();

    private async Task WriteAsync(string number)
    {
        var text = $"what {Name} wrote: {number}";
        var (came, _) = await SendAsync("write", number, HttpMethod.Put, "/api/files/" + number, text);
        if (came.IsGood)
        {
            Written[number] = text;
        }
    }

    private async Task<(Came Came, TimeSpan? Wait)> SendAsync(string kind, string number, HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Content = method == HttpMethod.Get ? null : new StringContent(body ?? "an order");
        var (came, wait) = (new Came(kind, number, 0, ""), default(TimeSpan?));
        try
        {
            using var answer = await _http.SendAsync(request);
            var text = await answer.Content.ReadAsStringAsync();
            came = came with { Status = (int)answer.StatusCode, Problem = ProblemIn(answer, text) };
            wait = answer.Headers.RetryAfter?.Delta;
            if (!came.IsGood && came.Problem.Length == 0)
            {
                Wrongs.Enqueue($"{kind} {number}: {came.Status} without a reason: {text}");
            }
            else if (came.IsGood && method != HttpMethod.Put)
            {
                CheckWhose(number, text);
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or SocketException)
        {
            // The connection broke; a socket's own exception comes bare where that was the moment it was made.
        }
        catch (TaskCanceledException)
        {
            Wrongs.Enqueue($"{kind} {number}: no end within {Patience}");
        }

        All.Enqueue(came);
        return (came, wait);
    }

    /// <summary>A workspace tells what it was sent and, unless it is a process, which machine it is.</summary>
    private void CheckWhose(string number, string text)
    {
        using var body = JsonDocument.Parse(text);
        if (body.RootElement.TryGetProperty("machine", out var machine) && _ownerOf(machine.GetString()!) is var owner && owner != Name)
        {
            Wrongs.Enqueue($"{Name} was answered by {machine}, the machine of {owner}");
        }

        // A gateway that started while Redis was away has no key to sign with, and leaves it to the workspace.
        if (body.RootElement.GetProperty("headers").TryGetProperty("Gateway-Assertion", out var assertion)
            && new JsonWebToken(assertion.ValueKind is JsonValueKind.Array ? assertion[0].GetString() : assertion.GetString()).Subject is var subject && subject != Name)
        {
            Wrongs.Enqueue($"{Name} was answered as {subject}");
        }

        if (!text.Contains($"/{number}\"", StringComparison.Ordinal))
        {
            Wrongs.Enqueue($"{Name} asked for {number} and was answered {text}");
        }
    }

    private async Task TypeAsync(string number)
    {
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + Token);
        using var bound = new CancellationTokenSource(Patience, TimeProvider.System);
        var came = new Came("terminal", number, 0, "");
        try
        {
            await socket.ConnectAsync(new UriBuilder(_edge) { Scheme = "ws", Path = "/terminal" }.Uri, bound.Token);
            // The shell puts it together, so that what comes back is its output and not the line as it was typed.
            await socket.SendAsync(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new { type = "data", data = $"echo {Name}:{number}\n" })), WebSocketMessageType.Text, true, bound.Token);
            await HearAsync(socket, $"{Name}:{number}", bound.Token);
            came = came with { Status = 101 };
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, bound.Token);
        }
        catch (WebSocketException)
        {
            // Refused, or broken off.
        }
        catch (OperationCanceledException)
        {
            Wrongs.Enqueue($"terminal {number}: no end within {Patience}");
        }

        All.Enqueue(came);
    }

    private static async Task HearAsync(ClientWebSocket socket, string expected, CancellationToken cancellationToken)
    {
        var heard = new StringBuilder();
        var buffer = new byte[4096];
        while (!heard.ToString().Contains(expected, StringComparison.Ordinal))
        {
            var message = await socket.ReceiveAsync(buffer, cancellationToken);
            if (message.MessageType is WebSocketMessageType.Close)
            {
                throw new WebSocketException("Closed.");
            }

            heard.Append(Encoding.UTF8.GetString(buffer, 0, message.Count));
        }
    }

    private static string ProblemIn(HttpResponseMessage answer, string text)
    {
        if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
        {
            return "";
        }

        using var body = JsonDocument.Parse(text);
        return body.RootElement.GetProperty("type").GetString()!.Split(':')[^1];
    }

    private static Task RestAsync(TimeSpan time, CancellationToken stop) => Task.Delay(time, TimeProvider.System, stop).ContinueWith(static _ => { }, TaskScheduler.Default);
}
