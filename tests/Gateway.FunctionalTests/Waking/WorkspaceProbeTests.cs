using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Gateway.Identity.Assertions;
using Gateway.Proxying;
using Gateway.Waking;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace Gateway.FunctionalTests.Waking;

/// <summary>The real probe against a listener that answers as it is told to, one connection after the other.</summary>
public sealed class WorkspaceProbeTests : IAsyncDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly WakingOptions _options = new();
    private readonly ConcurrentQueue<Task> _answering = new();
    private readonly ConcurrentQueue<(int Connection, string Path)> _asked = new();
    private static WakingMetrics Metrics { get; } =
        new(new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>(), new HeldRequests(new WakingOptions()));

    // Nobody in particular is waited for here, so none is asked for.
    private static WorkspaceAssertions NoAssertions { get; } = ActivatorUtilities.CreateInstance<WorkspaceAssertions>(new ServiceCollection()
        .AddLogging().AddSingleton<IConfiguration>(new ConfigurationBuilder().Build()).AddSingleton(TimeProvider.System).AddDataProtection().Services
        .AddAssertions(static _ => throw new InvalidOperationException("No key is needed.")).BuildServiceProvider());

    private Task _accepting = Task.CompletedTask;
    private int _connections;

    [Fact]
    public async Task Connection_that_is_taken_and_never_answered_is_given_up_for_another()
    {
        using var connections = Serve(connection => connection == 1 ? null : HttpStatusCode.OK);

        var outcome = await ProbeAsync(connections, TimeSpan.FromSeconds(30));

        Assert.Equal(ProbeOutcome.Ready, outcome);
        Assert.Single(_asked, asked => asked.Connection == 1);
    }

    [Fact]
    public async Task Connection_of_the_good_answer_carries_the_next_request()
    {
        using var connections = Serve(_ => HttpStatusCode.OK);
        await ProbeAsync(connections, TimeSpan.FromSeconds(30));

        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{connections.Find(Target)!.Authority}/page");
        using var response = await connections.Invoker.SendAsync(request, CancellationToken.None).WaitAsync(Bound);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var page = Assert.Single(_asked, asked => asked.Path == "/page");
        Assert.Contains((page.Connection, "/api/health"), _asked);
    }

    [Fact]
    public async Task Not_found_is_not_healthy()
    {
        using var connections = Serve(_ => HttpStatusCode.NotFound);

        Assert.Equal(ProbeOutcome.Unhealthy, await ProbeAsync(connections, TimeSpan.FromSeconds(5)));
    }

    public async ValueTask DisposeAsync()
    {
        _end.Cancel();
        _listener.Stop();
        await Task.WhenAny(_accepting).WaitAsync(Bound);
        await Task.WhenAny(Task.WhenAll(_answering)).WaitAsync(Bound);
        _listener.Dispose();
        _end.Dispose();
    }

    private static Destination Target => new(new MachineId("probed"), 1, "127.0.0.1");

    private Task<ProbeOutcome> ProbeAsync(WorkspaceConnections connections, TimeSpan limit) =>
        new WorkspaceProbe(connections, NoAssertions, Metrics, Options.Create(_options), TimeProvider.System)
            .ProbeAsync(new ProbeTarget(Target.Machine, Target.Boot, Target.Address, null, new ProbePace(TimeProvider.System.GetTimestamp(), null)), limit, static () => { }, CancellationToken.None)
            .WaitAsync(Bound);

    /// <summary>Null: the connection is taken, and nothing is said on it.</summary>
    private WorkspaceConnections Serve(Func<int, HttpStatusCode?> answer)
    {
        _listener.Start();
        _accepting = AcceptAsync(answer);
        var port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        var options = Options.Create(new ProxyingOptions { WorkspacePort = port, AllowedNetworks = "127.0.0.0/8" });
        return new WorkspaceConnections(options, new AllowedDestinations(options, new PublicListener(options)), TimeProvider.System, NullLogger<WorkspaceConnections>.Instance);
    }

    private async Task AcceptAsync(Func<int, HttpStatusCode?> answer)
    {
        while (!_end.IsCancellationRequested)
        {
            var client = await _listener.AcceptTcpClientAsync(_end.Token);
            _answering.Enqueue(AnswerAsync(client, answer));
        }
    }

    private async Task AnswerAsync(TcpClient client, Func<int, HttpStatusCode?> answer)
    {
        using var _ = client;
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        // Numbered by its first request: the race's losing attempts connect and say nothing.
        var (number, status) = (0, default(HttpStatusCode?));
        while (await reader.ReadLineAsync(_end.Token) is { } line)
        {
            if (number == 0)
            {
                number = Interlocked.Increment(ref _connections);
                status = answer(number);
            }

            if (line.StartsWith("GET ", StringComparison.Ordinal))
            {
                _asked.Enqueue((number, line.Split(' ')[1]));
            }

            if (line.Length == 0 && status is { } code)
            {
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {(int)code} x\r\nContent-Length: 0\r\n\r\n"), _end.Token);
            }
        }
    }
}
