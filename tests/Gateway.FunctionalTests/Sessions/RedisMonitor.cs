using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;

namespace Gateway.FunctionalTests.Sessions;

/// <summary>Every command that a server is sent, as it sees them itself (<c>MONITOR</c>). What a script does inside the server is no command of anybody's, and counted apart.</summary>
internal sealed class RedisMonitor : IAsyncDisposable
{
    private readonly TcpClient _client;
    private readonly Task _reading;
    private readonly ConcurrentQueue<string> _commands = new();
    private int _callsInScripts;
    private readonly TaskCompletionSource _watching = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private RedisMonitor(TcpClient client)
    {
        _client = client;
        _reading = ReadAsync();
    }

    public IReadOnlyList<string> Commands => [.. _commands];

    public int CallsInScripts => Volatile.Read(ref _callsInScripts);

    public static async Task<RedisMonitor> StartAsync(string url)
    {
        var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(url).Port).WaitAsync(Eventually.Limit);
        var monitor = new RedisMonitor(client);
        await client.GetStream().WriteAsync("MONITOR\r\n"u8.ToArray());
        await monitor._watching.Task.WaitAsync(Eventually.Limit);
        return monitor;
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _reading.WaitAsync(Eventually.Limit);
    }

    private async Task ReadAsync()
    {
        try
        {
            using var reader = new StreamReader(_client.GetStream(), Encoding.Latin1);
            while (await reader.ReadLineAsync() is { } line)
            {
                if (line == "+OK")
                {
                    _watching.SetResult();
                }
                else if (line.Contains("[0 lua]", StringComparison.Ordinal))
                {
                    Interlocked.Increment(ref _callsInScripts);
                }
                else
                {
                    _commands.Enqueue(line);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // No longer wanted.
        }
    }
}
