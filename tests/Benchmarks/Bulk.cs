using System.Globalization;
using System.Net.Http.Headers;
using System.Net.WebSockets;

namespace Benchmarks;

/// <summary>What large things go through.</summary>
internal sealed record BulkPeer(Uri Url, int[] Processes, string Token);

/// <summary>Large bodies down and up, many small parts, and a terminal that prints much: how fast against plain YARP, and what CPU it takes.</summary>
internal static class Bulk
{
    public static async Task<IReadOnlyList<Row>> TakeAsync(BulkPeer ours, BulkPeer yarp, Plan plan)
    {
        return
        [
            .. await CompareAsync("100 MB down", DownAsync),
            .. await CompareAsync("100 MB up", UpAsync),
            .. await CompareAsync(string.Create(CultureInfo.InvariantCulture, $"a stream of {EchoBackend.Parts} parts"), StreamAsync),
            .. await CompareAsync("64 MB of terminal output", OutputAsync),
        ];

        async Task<IReadOnlyList<Row>> CompareAsync(string what, Func<BulkPeer, Task> passAsync)
        {
            await passAsync(ours);
            await passAsync(yarp);
            var (times, cpu) = (new List<double>(), new List<double>());
            for (var round = 0; round < plan.BulkRounds; round++)
            {
                var first = await TakeAsync(round % 2 == 0 ? ours : yarp, passAsync);
                var second = await TakeAsync(round % 2 == 0 ? yarp : ours, passAsync);
                var (own, other) = round % 2 == 0 ? (first, second) : (second, first);
                times.Add(own.Seconds / other.Seconds);
                cpu.Add(own.Cpu / other.Cpu);
            }

            return
            [
                new Row($"time of {what}, gateway against", Peers.Yarp, Sample.Of(times), "×", null, null),
                new Row($"CPU of {what}, gateway against", Peers.Yarp, Sample.Of(cpu), "×", null, null),
            ];
        }
    }

    private static async Task DownAsync(BulkPeer peer)
    {
        using var http = ClientOf(peer);
        await CountAsync(http, EchoBackend.Download, EchoBackend.Large);
    }

    private static async Task StreamAsync(BulkPeer peer)
    {
        using var http = ClientOf(peer);
        await CountAsync(http, EchoBackend.Streaming, (long)EchoBackend.Parts * EchoBackend.PartSize);
    }

    private static async Task UpAsync(BulkPeer peer)
    {
        using var http = ClientOf(peer);
        using var answer = await http.PostAsync(EchoBackend.Download, new ByteArrayContent(new byte[EchoBackend.Large]));
        Check(EchoBackend.Large.ToString(CultureInfo.InvariantCulture), await answer.Content.ReadAsStringAsync());
    }

    private static async Task OutputAsync(BulkPeer peer)
    {
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + peer.Token);
        await socket.ConnectAsync(new UriBuilder(peer.Url) { Scheme = "ws", Path = EchoBackend.BulkOutput }.Uri, CancellationToken.None);
        await socket.SendAsync(new byte[1], WebSocketMessageType.Binary, true, CancellationToken.None);
        var (buffer, read) = (new byte[64 * 1024], 0L);
        while (await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None) is { MessageType: not WebSocketMessageType.Close } message)
        {
            read += message.Count;
        }

        Check(EchoBackend.Output, read);
    }

    private static HttpClient ClientOf(BulkPeer peer)
    {
        var http = new HttpClient { BaseAddress = peer.Url };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", peer.Token);
        return http;
    }

    private static async Task CountAsync(HttpClient http, string path, long expected)
    {
        using var answer = await http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead);
        await using var body = await answer.Content.ReadAsStreamAsync();
        var (buffer, read) = (new byte[64 * 1024], 0L);
        while (await body.ReadAsync(buffer) is > 0 and var some)
        {
            read += some;
        }

        Check(expected, read);
    }

    private static void Check<T>(T expected, T answered)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, answered))
        {
            throw new InvalidOperationException($"A large body came through wrong: {answered} instead of {expected} bytes.");
        }
    }

    private sealed record Pass(double Seconds, double Cpu);

    private static async Task<Pass> TakeAsync(BulkPeer peer, Func<BulkPeer, Task> passAsync)
    {
        var (cpu, began) = (ProcessTree.CpuSeconds(peer.Processes), TimeProvider.System.GetTimestamp());
        // More than once, because the kernel counts CPU in hundredths of a second.
        await passAsync(peer);
        await passAsync(peer);
        return new Pass(TimeProvider.System.GetElapsedTime(began).TotalSeconds, Math.Max(0.01, ProcessTree.CpuSeconds(peer.Processes) - cpu));
    }
}
