using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Identity;
using Gateway.FunctionalTests.Waking;
using Gateway.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Xunit.Abstractions;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>The primary of the session map dies while people are at work, and Sentinels make its replica the next one.</summary>
[Collection(nameof(Alone))]
public sealed class SentinelFailoverTests(ITestOutputHelper output)
{
    // From the end of the primary: the Sentinels' second to notice it, their vote, a repeated one on a busy machine, and ours.
    private static readonly TimeSpan WholeWithin = TimeSpan.FromSeconds(30);

    // What is promised of a kick.
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PrimaryThatDiesOrHangs_IsNoticedByNobodyWhoIsAwake_AndTheNextOneServesAllWithoutARestart(bool hangs)
    {
        await using var group = await SentinelGroup.StartAsync();
        await using var cloud = await GatewayEnvironment.StartAsync();
        var one = await cloud.StartGatewayAsync(("REDIS_URL", group.Url));
        var two = await cloud.StartGatewayAsync(("REDIS_URL", group.Url));
        await using var people = await People.ComeAsync(cloud, one, two);
        var asleep = await SleepingWorkspace.GiveMachineAsync(cloud, one.OperationsUrl, "carol");
        using var carol = two.ClientOf("carol");
        using var kicked = await OpenAsync(two, cloud, "erin");
        using var operators = one.OperatorClient();

        if (hangs)
        {
            group.First.Pause();
        }
        else
        {
            group.First.Kill();
        }

        var killed = TimeProvider.System.GetTimestamp();
        await group.FailedOverAsync();
        Note("the Sentinels decided", killed);
        await SucceedsAsync(() => carol.GetAsync("/"));
        var woken = Note("a sleeping user was woken", killed);
        await SucceedsAsync(() => HearsAsync(two, "dave", () => operators.PostAsync("/api/routes/dave/drain", null)));
        var heard = Note("the other gateway heard of a change", killed);
        await ClosesSoonAsync(kicked, () => operators.PostAsync("/api/routes/erin/kick", null));

        // It comes back, takes itself for the primary until the Sentinels tell it otherwise, and is a replica then.
        if (hangs)
        {
            group.First.Resume();
        }
        else
        {
            await group.First.RestartAsync();
        }

        await group.ReplicatesAsync(group.First);
        Note("the former primary is a replica", killed);
        await HearsAsync(two, "dave", () => operators.DeleteAsync("/api/routes/dave/drain"));
        await people.LeaveAsync();

        Assert.True(woken <= WholeWithin && heard <= WholeWithin, $"It took {woken} and {heard}.");
        Assert.True(people.Answered > 200, $"Only {people.Answered} requests were made.");
        Assert.Empty(people.Failed);
        Assert.Equal(1, asleep.Starts);
        Assert.All(People.Names, name => Assert.Equal((1, "started"), (cloud.Simulator.MachineOf(name).Starts, cloud.Simulator.MachineOf(name).State)));
        output.WriteLine($"{people.Answered} warm requests and echoes, none failed");
    }

    [Fact]
    public async Task WritesThatTheNextPrimaryNeverGot_AreMadeUpForWithoutARestart()
    {
        await using var group = await SentinelGroup.StartAsync();
        await using var cloud = await GatewayEnvironment.StartAsync();
        var one = await cloud.StartGatewayAsync(("REDIS_URL", group.Url));
        var two = await cloud.StartGatewayAsync(("REDIS_URL", group.Url));
        await using var people = await People.ComeAsync(cloud, one, two);
        using var operators = one.OperatorClient();
        using var dave = two.ClientOf("dave");
        using var carol = one.ClientOf("carol");
        using var elsewhere = two.ClientOf("carol");

        await group.CutReplicationAsync();
        var first = await MachineAsync(carol);
        await HearsAsync(two, "dave", () => operators.PostAsync("/api/routes/dave/drain", null));
        Assert.False((await dave.GetAsync("/")).IsSuccessStatusCode);
        group.LoseFirst();
        var killed = TimeProvider.System.GetTimestamp();
        await group.FailedOverAsync();
        Note("the Sentinels decided", killed);

        // What was decided is undone, as nobody knows of it any more; what was made is found.
        await SucceedsAsync(() => dave.GetAsync("/"));
        await SucceedsAsync(() => elsewhere.GetAsync("/"));
        Note("both gateways are at what is left", killed);
        Assert.Equal((first, first), (await MachineAsync(elsewhere), await MachineAsync(carol)));
        await SucceedsAsync(() => HearsAsync(two, "carol", () => operators.PostAsync("/api/routes/carol/drain", null)));
        await people.LeaveAsync();

        Assert.Empty(people.Failed);
        Assert.Equal((People.Names.Length + 1, People.Names.Length + 1), (cloud.Simulator.Machines.Count, cloud.Simulator.Volumes.Count));
    }

    private TimeSpan Note(string what, long since)
    {
        var passed = TimeProvider.System.GetElapsedTime(since);
        output.WriteLine($"{what} after {passed.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)} s");
        return passed;
    }

    /// <summary>As somebody who tries again after a refusal.</summary>
    private static Task SucceedsAsync(Func<Task<HttpResponseMessage>> ask) => Eventually.HoldsAsync(async () =>
    {
        using var answer = await ask();
        return answer.IsSuccessStatusCode;
    });

    /// <summary>What one gateway does to a user's session reaches the other by the feed.</summary>
    private static async Task<HttpResponseMessage> HearsAsync(RunningGateway gateway, string user, Func<Task<HttpResponseMessage>> change)
    {
        var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var feed = gateway.Services.GetRequiredService<ChangeFeed>();
        feed.SessionChanged += Hear;
        try
        {
            var changed = await change();
            if (changed.IsSuccessStatusCode)
            {
                await heard.Task.WaitAsync(Soon, TimeProvider.System);
            }

            return changed;
        }
        finally
        {
            feed.SessionChanged -= Hear;
        }

        void Hear(UserId changed, long epoch)
        {
            if (changed.Value == user)
            {
                heard.TrySetResult();
            }
        }
    }

    private static async Task<string> MachineAsync(HttpClient client) => (await client.GetFromJsonAsync<JsonNode>("/"))!["machine"]!.GetValue<string>();

    private static async Task<ClientWebSocket> OpenAsync(RunningGateway gateway, GatewayEnvironment cloud, string user)
    {
        var socket = await gateway.OpenSocketAsync("/terminal", ("Authorization", "Bearer " + cloud.TokenOf(user)));
        await ReceiveAsync(socket);
        return socket;
    }

    private static async Task ClosesSoonAsync(ClientWebSocket socket, Func<Task<HttpResponseMessage>> act)
    {
        var began = TimeProvider.System.GetTimestamp();
        using var acted = await act();
        Assert.True(acted.IsSuccessStatusCode);
        Assert.Equal(WebSocketMessageType.Close, (await ReceiveAsync(socket)).MessageType);
        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.Zero, Soon);
    }

    private static async Task<WebSocketReceiveResult> ReceiveAsync(ClientWebSocket socket)
    {
        using var bound = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
        return await socket.ReceiveAsync(new byte[1024], bound.Token);
    }

    /// <summary>
    /// alice in a browser and at a terminal, bob's and dave's programs on both gateways, bob's terminal: all at work until they leave.
    /// </summary>
    private sealed class People : IAsyncDisposable
    {
        public static readonly string[] Names = ["alice", "bob", "dave", "erin"];

        private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

        private readonly CancellationTokenSource _leave = new();
        private readonly List<IDisposable> _held = [];
        private readonly List<Task> _staying = [];
        private int _answered;

        public ConcurrentQueue<string> Failed { get; } = new();

        public int Answered => _answered;

        public static async Task<People> ComeAsync(GatewayEnvironment cloud, RunningGateway one, RunningGateway two)
        {
            var people = new People();
            var browser = people.Hold(new Browser(one.Url));
            (await browser.FollowAsync("/")).Answer.EnsureSuccessStatusCode().Dispose();
            people.Ask("alice's browser", () => browser.NavigateAsync("/"));
            people.Type("alice's terminal", people.Hold(await two.OpenSocketAsync("/terminal",
                ("Cookie", browser.Cookies.GetCookieHeader(two.Url)), ("Origin", two.Url.GetLeftPart(UriPartial.Authority)))));
            people.Type("bob's terminal", people.Hold(await one.OpenSocketAsync("bob")));
            foreach (var gateway in new[] { one, two })
            {
                var bob = people.Hold(gateway.ClientOf("bob"));
                people.Ask("bob's program", () => bob.GetAsync("/"));
                // Warm on both, before anything happens to them.
                foreach (var name in new[] { "dave", "erin" })
                {
                    using var client = gateway.ClientOf(name);
                    (await client.GetAsync("/")).EnsureSuccessStatusCode().Dispose();
                }
            }

            await Eventually.HoldsAsync(() => people.Answered > 50);
            return people;
        }

        public async Task LeaveAsync()
        {
            await _leave.CancelAsync();
            await Task.WhenAll(_staying);
        }

        public async ValueTask DisposeAsync()
        {
            await LeaveAsync();
            _held.ForEach(static one => one.Dispose());
            _leave.Dispose();
        }

        private T Hold<T>(T one)
            where T : IDisposable
        {
            _held.Add(one);
            return one;
        }

        private void Ask(string who, Func<Task<HttpResponseMessage>> ask) => Stay(who, async () =>
        {
            using var answer = await ask();
            return answer.StatusCode is HttpStatusCode.OK ? null : $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}";
        });

        private void Type(string who, ClientWebSocket socket)
        {
            var first = true;
            Stay(who, async () =>
            {
                if (first)
                {
                    // Which machine it is.
                    await ReceiveAsync(socket);
                    first = false;
                }

                await socket.SendAsync(new byte[] { 1 }, WebSocketMessageType.Binary, true, CancellationToken.None);
                var came = await ReceiveAsync(socket);
                return came.MessageType is WebSocketMessageType.Binary ? null : $"{socket.CloseStatus} {socket.CloseStatusDescription}";
            });
        }

        private void Stay(string who, Func<Task<string?>> act) => _staying.Add(Task.Run(async () =>
        {
            while (!_leave.IsCancellationRequested)
            {
                try
                {
                    if (await act().WaitAsync(Eventually.Limit, TimeProvider.System) is { } failure)
                    {
                        Failed.Enqueue($"{who}: {failure}");
                    }
                }
                catch (Exception exception)
                {
                    Failed.Enqueue($"{who}: {exception.GetType().Name} {exception.Message}");
                }

                Interlocked.Increment(ref _answered);
                await Task.Delay(Pause, TimeProvider.System, _leave.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }));
    }
}
