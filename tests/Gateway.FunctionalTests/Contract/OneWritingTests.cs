using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Gateway.Machines;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gateway.FunctionalTests.Contract;

/// <summary>
/// An API that takes a request over a kept connection and closes it without an answer: the transport would send an empty POST or a DELETE again, and a machine
/// would be started, or a snapshot taken, twice.
/// </summary>
public sealed class OneWritingTests : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly MachineId Machine = new("1857156b526dd8");

    private readonly ClosingApi _api = new();
    private readonly ServiceProvider _services;

    public OneWritingTests()
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["FLY_API_TOKEN"] = "fake-token-for-tests",
            ["Machines:ApiUrl"] = _api.Url,
            ["Machines:KeepRates"] = "false",
            ["Machines:CallTimeout"] = "00:01:00",
        }).Build());
        services.AddMetrics().AddLogging().AddMachines();
        _services = services.BuildServiceProvider();
    }

    private IMachines Machines => _services.GetRequiredService<IMachines>();

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task Start_is_written_once()
    {
        await KeepAConnectionAsync();

        var started = await Machines.StartAsync("app", Machine, null, default).WaitAsync(Limit);

        Assert.Equal(MachinesFailureKind.Ambiguous, started.Failure?.Kind);
        Assert.Single(_api.Received, static line => line.StartsWith("POST", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Destruction_is_written_once()
    {
        await KeepAConnectionAsync();

        var destroyed = await Machines.DestroyVolumeAsync("app", new VolumeId("vol_1"), default).WaitAsync(Limit);

        Assert.Equal(MachinesFailureKind.Ambiguous, destroyed.Failure?.Kind);
        Assert.Single(_api.Received, static line => line.StartsWith("DELETE", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Read_may_be_written_again()
    {
        await KeepAConnectionAsync();

        Assert.True((await Machines.GetAsync("app", Machine, default).WaitAsync(Limit)).IsOk);
        Assert.Equal(3, _api.Received.Count);
    }

    private async Task KeepAConnectionAsync() => Assert.True((await Machines.GetAsync("app", Machine, default).WaitAsync(Limit)).IsOk);

    /// <summary>Answers the first request of the first connection, closes it on the second one unanswered, and answers all that come over other connections.</summary>
    private sealed class ClosingApi : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _end = new();
        private readonly Task _accepting;

        public ClosingApi()
        {
            _listener.Start();
            _accepting = AcceptAsync();
        }

        public string Url => $"http://{_listener.LocalEndpoint}";

        public ConcurrentQueue<string> Received { get; } = [];

        public async ValueTask DisposeAsync()
        {
            await _end.CancelAsync();
            _listener.Stop();
            await _accepting.WaitAsync(Limit);
            _end.Dispose();
        }

        private async Task AcceptAsync()
        {
            var serving = new List<Task>();
            try
            {
                for (var first = true; ; first = false)
                {
                    serving.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_end.Token), first ? 1 : int.MaxValue));
                }
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                await Task.WhenAll(serving);
            }
        }

        private async Task ServeAsync(TcpClient client, int answers)
        {
            using (client)
            {
                try
                {
                    var stream = client.GetStream();
                    for (var n = 0; await ReadHeadAsync(stream) is { } line; n++)
                    {
                        Received.Enqueue(line);
                        if (n == answers)
                        {
                            return;
                        }

                        await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{\"id\":\"a\"}"u8.ToArray(), _end.Token);
                    }
                }
                catch (Exception exception) when (exception is OperationCanceledException or IOException)
                {
                    // The test is over.
                }
            }
        }

        /// <summary>The request line; none of these requests has a body. Null: the client closed.</summary>
        private async Task<string?> ReadHeadAsync(NetworkStream stream)
        {
            var head = new StringBuilder();
            var one = new byte[1];
            while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                if (await stream.ReadAsync(one, _end.Token) == 0)
                {
                    return null;
                }

                head.Append((char)one[0]);
            }

            return head.ToString().Split("\r\n")[0];
        }
    }
}
