using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using Xunit;
using Xunit.Abstractions;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>
/// A rolling deploy, and one taken back: for a while two versions of the gateway work on one map. The earlier one is that of the commit before.
/// </summary>
[Collection(nameof(Alone))]
public sealed class TwoVersionsTests(ITestOutputHelper output)
{
    private const int Users = 12;
    private const int AnswersInEachPart = 4;

    // Machines fall asleep between two requests of their users, so that both versions write their records all the time.
    private static readonly (string, string)[] Quick =
    [
        ("Idling:IdleAfter", "00:00:01"), ("Idling:SweepEvery", "00:00:00.2"), ("Idling:ReportEvery", "00:00:00.2"), ("Idling:ReplicaLease", "00:00:03"), ("Proxying:ShutdownGrace", "00:00:01"),
    ];

    [Fact]
    public async Task EarlierAndCurrentGateway_ServeOneMapTogether_AndEachGoesOnAlone()
    {
        if (await EarlierGateway.BuildAsync() is not { } earlier)
        {
            output.WriteLine("This is the first commit: there is no earlier gateway.");
            return;
        }

        var arrived = new ConcurrentDictionary<string, int>();
        await using var cloud = await GatewayEnvironment.StartAsync(options => options.Answer = context => CountAsync(context, arrived));
        var settings = cloud.GatewaySettings();
        foreach (var (key, value) in Quick)
        {
            settings[key] = value;
        }

        var (before, now) = (new StringWriter(), new StringWriter());
        var running = new List<GatewayProcess>();
        await using var front = new Front();
        using var stop = new CancellationTokenSource();
        var load = new Load(cloud, front, stop.Token);
        try
        {
            var old = await StartAsync("earlier-1", before, earlier.Program);
            var asking = Enumerable.Range(0, Users).Select(load.AskAsync).ToList();
            await load.PartAsync();
            var current = await StartAsync("current-1", now, null);
            await load.PartAsync();
            await EndAsync(old);
            await load.PartAsync();
            // And back again.
            old = await StartAsync("earlier-2", before, earlier.Program);
            await load.PartAsync();
            await EndAsync(current);
            await load.PartAsync();
            await stop.CancelAsync();
            await Task.WhenAll(asking).WaitAsync(Eventually.Limit);
            await EndAsync(old);

            output.WriteLine($"{load.Answered} answers beside the gateway of {earlier.Commit}; put to sleep {cloud.Simulator.Calls("suspend")} times");
            Assert.Empty(load.Failures);
            Assert.All(load.Sent, id => Assert.Equal(1, arrived.GetValueOrDefault(id)));
            Assert.All(arrived, static arrival => Assert.Equal(1, arrival.Value));
            Assert.Equal((Users, Users), (cloud.Simulator.Machines.Count, cloud.Simulator.Volumes.Count));
            // Both woke machines that the other may have put to sleep.
            foreach (var said in new[] { before.ToString(), now.ToString() })
            {
                Assert.Contains("is awake in boot", said, StringComparison.Ordinal);
                Assert.Contains("was put to sleep", said, StringComparison.Ordinal);
                Assert.DoesNotContain("fail: ", said, StringComparison.Ordinal);
            }
        }
        finally
        {
            foreach (var gateway in running)
            {
                await gateway.DisposeAsync();
            }
        }

        async Task<GatewayProcess> StartAsync(string name, StringWriter log, string? program)
        {
            var gateway = await GatewayProcess.StartAsync(name, settings, TextWriter.Synchronized(log), program);
            running.Add(gateway);
            await front.AddAsync(gateway.Url);
            return gateway;
        }

        static async Task EndAsync(GatewayProcess gateway)
        {
            gateway.Terminate();
            Assert.Equal(0, await gateway.Exited.WaitAsync(Eventually.Limit));
        }
    }

    /// <summary>What is sent to be carried out, by its id; the answer is the image's own.</summary>
    private static Task<bool> CountAsync(HttpContext context, ConcurrentDictionary<string, int> arrived)
    {
        if (HttpMethods.IsPost(context.Request.Method))
        {
            arrived.AddOrUpdate(context.Request.Path.Value![1..], 1, static (_, times) => times + 1);
        }

        return Task.FromResult(false);
    }

    /// <summary>People who read and write, some all the time, most with pauses in which their machines fall asleep.</summary>
    private sealed class Load(GatewayEnvironment cloud, Front front, CancellationToken stop)
    {
        private readonly int[] _answers = new int[Users];

        public ConcurrentQueue<string> Failures { get; } = new();

        /// <summary>What was sent to be carried out, and answered.</summary>
        public ConcurrentBag<string> Sent { get; } = [];

        public int Answered => _answers.Sum();

        /// <summary>Until everybody had so many answers more.</summary>
        public async Task PartAsync()
        {
            var until = _answers.Select(static answers => answers + AnswersInEachPart).ToArray();
            await Eventually.HoldsAsync(() => !Failures.IsEmpty || _answers.Zip(until).All(static pair => pair.First >= pair.Second));
        }

        public async Task AskAsync(int user)
        {
            using var client = RunningGateway.Client(new Uri("http://unused"), cloud.TokenOf(string.Create(CultureInfo.InvariantCulture, $"user-{user}")));
            var random = new Random(user);
            for (var number = 0; !stop.IsCancellationRequested; number++)
            {
                var id = string.Create(CultureInfo.InvariantCulture, $"{user}-{number}");
                var writes = number % 4 == 3;
                try
                {
                    using var answer = await (writes ? front.PostAsync(client, "/" + id, new StringContent("x", Encoding.UTF8)) : front.GetAsync(client, "/page"));
                    if (answer.StatusCode is not HttpStatusCode.OK)
                    {
                        Failures.Enqueue($"{id}: {answer.StatusCode} {await answer.Content.ReadAsStringAsync(CancellationToken.None)}");
                    }
                    else if (writes)
                    {
                        Sent.Add(id);
                    }

                    _answers[user]++;
                }
                catch (HttpRequestException) when (writes)
                {
                    // The gateway that left took the connection with it, and what is to be carried out is not sent again: at most once.
                }
                catch (HttpRequestException exception)
                {
                    Failures.Enqueue($"{id}: {exception}");
                }

                var pause = TimeSpan.FromSeconds(random.NextDouble() * (user % 4 == 0 ? 0.02 : 3));
                await Task.Delay(pause, TimeProvider.System, CancellationToken.None);
            }
        }
    }
}
