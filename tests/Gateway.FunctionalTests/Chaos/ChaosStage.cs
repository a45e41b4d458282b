using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using Gateway.FunctionalTests.Workspaces;
using LocalCloud;
using MachinesSimulator;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;
using Front = MachinesSimulator.Front;

namespace Gateway.FunctionalTests.Chaos;

/// <summary>All that takes part in a chaos, and the hands that break it. One hand at a time.</summary>
internal sealed class ChaosStage : IAsyncDisposable
{
    private const string ProcessImage = "chaos/process";

    // As the platform's proxy cuts what is quiet.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(60);

    private readonly GatewayProcess?[] _gateways = new GatewayProcess?[3];
    private readonly Random _random;
    private readonly HashSet<string> _inProcesses = [];
    private readonly Dictionary<string, string?> _settings;

    // The network between the gateways and what they use.
    private readonly MachinesNetwork _network = MachinesNetwork.Claim();
    private readonly Front _toRedis;
    private readonly Front _toPlatform;
    private TimeSpan _redisDelay;
    private int _generation;

    private ChaosStage(GatewayEnvironment cloud, ConcurrentDictionary<string, int> orders, int seed)
    {
        (Cloud, Orders, _random) = (cloud, orders, new Random(seed));
        _settings = cloud.GatewaySettings();
        _toRedis = new Front(IPEndPoint.Parse(_network.Name + ".0.1:6379"), () => _redisDelay);
        _toRedis.Set(FrontMode.Open, IPEndPoint.Parse(new Uri(cloud.Redis.Url).Authority));
        _toPlatform = new Front(IPEndPoint.Parse(_network.Name + ".0.2:4280"));
        _toPlatform.Set(FrontMode.Open, IPEndPoint.Parse(cloud.Simulator.Url.Authority));
        (_settings["REDIS_URL"], _settings["Machines:ApiUrl"]) = ($"redis://{_toRedis.Address}", $"http://{_toPlatform.Address}");
        foreach (var (key, value) in new[]
        {
            ("IdleAfter", "00:00:03"), ("AttachedFor", "00:00:10"), ("SweepEvery", "00:00:01"), ("ReportEvery", "00:00:01"), ("ReplicaLease", "00:00:04"), ("ConsentGrace", "00:00:08"), ("WarnBefore", "00:00:01"),
        })
        {
            _settings["Idling:" + key] = value;
        }

        _settings["Proxying:ShutdownGrace"] = "00:00:02";
        _settings["Reconciling:Every"] = "00:00:05";
        // Those that are processes refuse what is not for them.
        _settings["Workspaces:Env:GATEWAY_JWKS_URL"] = new Uri(Edge.Url, "/.gateway/jwks.json").ToString();
    }

    public GatewayEnvironment Cloud { get; }

    public FaultyEdge Edge { get; } = new(Quiet);

    public List<Person> People { get; } = [];

    /// <summary>What was broken, in order.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>How often each order was carried out, by those workspaces that run in the simulator.</summary>
    public ConcurrentDictionary<string, int> Orders { get; }

    public static async Task<ChaosStage> StartAsync(int people, int seed)
    {
        var orders = new ConcurrentDictionary<string, int>();
        Simulator? simulator = null;
        var cloud = await GatewayEnvironment.StartAsync(options =>
        {
            options.Images[ProcessImage] = new ImageCommand(Programs.Host, [Programs.Find("SampleWorkspace")]);
            options.Answer = context => AnswerAsync(context, orders, () => simulator!);
        });
        simulator = cloud.Simulator;
        var stage = new ChaosStage(cloud, orders, seed);
        try
        {
            for (var number = 0; number < stage._gateways.Length; number++)
            {
                await stage.StartGatewayAsync(number);
            }

            await stage.InviteAsync(people, seed);
            return stage;
        }
        catch
        {
            await stage.DisposeAsync();
            throw;
        }
    }

    /// <summary>Its person's workspace is one inside the simulator, which counts.</summary>
    public bool RunsHere(string what) => !_inProcesses.Contains(what.Split('-')[0]);

    /// <summary>One gateway at a time is killed, or asked to end, and another takes its place.</summary>
    public async Task LoseGatewaysAsync(TimeSpan time)
    {
        for (var began = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(began) < time;)
        {
            await LoseGatewayAsync();
            await RestAsync(2);
        }
    }

    public async Task BreakAnythingAsync(TimeSpan time)
    {
        for (var began = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(began) < time;)
        {
            await BreakAsync(_random.Next(19));
            await RestAsync(2);
        }
    }

    /// <summary>Everything works again.</summary>
    public async Task CalmAsync()
    {
        Edge.Delay = _redisDelay = TimeSpan.Zero;
        Cloud.Simulator.Faults.Clear();
        for (var number = 0; number < _gateways.Length; number++)
        {
            _gateways[number]!.Resume();
            await Edge.AddAsync(_gateways[number]!.Url);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await using (Cloud)
        await using (Edge)
        using (_network)
        using (_toRedis)
        using (_toPlatform)
        {
            People.ForEach(static person => person.Dispose());
            foreach (var gateway in _gateways)
            {
                if (gateway is not null)
                {
                    await gateway.DisposeAsync();
                }
            }
        }
    }

    private async Task InviteAsync(int people, int seed)
    {
        using var operators = RunningGateway.Client(_gateways[0]!.OperationsUrl, Cloud.OperatorToken);
        for (var number = 0; number < people; number++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"person{number}");
            People.Add(new Person(name, Cloud.TokenOf(name), Edge.Url, OwnerOf, (seed * 10_000) + number));
            if (number % 10 == 0)
            {
                _inProcesses.Add(name);
            }
        }

        await Parallel.ForEachAsync(People, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (person, _) =>
        {
            if (_inProcesses.Contains(person.Name))
            {
                using var set = await operators.PutAsJsonAsync($"/api/routes/{person.Name}/override", new { image = ProcessImage }, CancellationToken.None);
                Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync(CancellationToken.None));
            }

            Assert.True(await person.ReadAsync(person.Name + "-first"), $"{person.Name} got no workspace.");
        });
    }

    private string? OwnerOf(string machine) =>
        Cloud.Simulator.Cloud.Machines.FirstOrDefault(one => one.Id == machine)?.Config["env"]?["USER_ID"]?.GetValue<string>();

    private Task BreakAsync(int which) =>
        which switch
        {
            0 or 1 => LoseGatewayAsync(),
            2 => PauseGatewayAsync(),
            3 => LoseRedisAsync(),
            4 => PauseRedisAsync(),
            5 => EmptyRedisAsync(),
            6 => NowAsync("platform errs", () => Err("start", 500, carriedOut: false)),
            7 => NowAsync("platform loses an answer", () => Err("start", 408, carriedOut: true)),
            8 => PlatformDownAsync(),
            9 => NowAsync("workspaces killed", KillWorkspaces),
            10 => NowAsync("machine stopped by hand", () => Cloud.Simulator.StopBehindOurBack(AnyMachine())),
            11 => NowAsync("machine migrated", () => Cloud.Simulator.Cloud.Migrate(AnyMachine())),
            12 => NowAsync("connections cut", () => Edge.CutSome(20, _random)),
            13 => NowAsync("connections to Redis broken", _toRedis.Break),
            14 => NowAsync("connections to the platform broken", _toPlatform.Break),
            15 => NowAsync("connections to machines broken", BreakMachines),
            16 => SlowAsync("Redis far away", delay => _redisDelay = delay),
            17 => SlowAsync("machines far away", delay => Cloud.Simulator.Faults.NetworkDelay = delay),
            _ => SlowAsync("edge slow", delay => Edge.Delay = delay),
        };

    private async Task LoseGatewayAsync()
    {
        var number = _random.Next(_gateways.Length);
        var gateway = _gateways[number]!;
        var kills = _random.Next(2) == 0;
        Faults.Add(kills ? "gateway killed" : "gateway ended");
        if (kills)
        {
            gateway.Kill();
        }
        else
        {
            gateway.Terminate();
        }

        await gateway.Exited.WaitAsync(Eventually.Limit);
        Edge.Remove(gateway.Url);
        await gateway.DisposeAsync();
        await StartGatewayAsync(number);
    }

    private async Task StartGatewayAsync(int number)
    {
        _gateways[number] = await GatewayProcess.StartAsync(string.Create(CultureInfo.InvariantCulture, $"gateway-{number}-{_generation++}"), _settings, TextWriter.Null);
        await Edge.AddAsync(_gateways[number]!.Url);
    }

    private async Task PauseGatewayAsync()
    {
        Faults.Add("gateway paused");
        var gateway = _gateways[_random.Next(_gateways.Length)]!;
        gateway.Pause();
        await RestAsync(6);
        gateway.Resume();
    }

    private async Task LoseRedisAsync()
    {
        Faults.Add("Redis killed, empty when it is back");
        Cloud.Redis.Kill();
        await RestAsync(4);
        await Cloud.Redis.RestartAsync();
    }

    private async Task PauseRedisAsync()
    {
        Faults.Add("Redis paused");
        Cloud.Redis.Pause();
        await RestAsync(5);
        Cloud.Redis.Resume();
    }

    private Task EmptyRedisAsync()
    {
        Faults.Add("Redis emptied");
        return Cloud.Redis.FlushAsync();
    }

    private void Err(string action, int status, bool carriedOut) => Cloud.Simulator.Faults.FailNext(action, status, "a fault on demand", times: 5, carriedOut: carriedOut);

    private async Task PlatformDownAsync()
    {
        Faults.Add("platform down");
        Cloud.Simulator.Faults.Down = true;
        await RestAsync(5);
        Cloud.Simulator.Faults.Down = false;
    }

    private void KillWorkspaces()
    {
        foreach (var _ in Enumerable.Range(0, 3))
        {
            Cloud.Simulator.Cloud.Life.Kill(AnyMachine(), 137, outOfMemory: _random.Next(2) == 0);
        }
    }

    private async Task SlowAsync(string what, Action<TimeSpan> set)
    {
        Faults.Add(what);
        set(TimeSpan.FromMilliseconds(_random.Next(50, 500)));
        await RestAsync(5);
        set(TimeSpan.Zero);
    }

    private void BreakMachines()
    {
        foreach (var machine in Cloud.Simulator.Machines)
        {
            machine.Front.Break();
        }
    }

    private SimulatedMachine AnyMachine()
    {
        var started = Cloud.Simulator.Machines.Where(static machine => machine.State == "started").DefaultIfEmpty(Cloud.Simulator.Machines[0]).ToList();
        return started[_random.Next(started.Count)];
    }

    private Task NowAsync(string what, Action act)
    {
        Faults.Add(what);
        act();
        return Task.CompletedTask;
    }

    private Task RestAsync(int most) => Task.Delay(TimeSpan.FromMilliseconds(_random.Next(300, most * 1000)), TimeProvider.System);

    /// <summary>The sample workspace's ways, for those that run inside of the simulator: what is acknowledged is on the volume.</summary>
    private static async Task<bool> AnswerAsync(HttpContext context, ConcurrentDictionary<string, int> orders, Func<Simulator> simulator)
    {
        if (context.WebSockets.IsWebSocketRequest)
        {
            await EchoTypedAsync(context);
            return true;
        }

        var path = context.Request.Path.Value ?? "";
        if (HttpMethods.IsPost(context.Request.Method) && path.Contains("/orders/", StringComparison.Ordinal))
        {
            orders.AddOrUpdate(path.Split('/')[^1], 1, static (_, times) => times + 1);
        }

        if (!HttpMethods.IsPut(context.Request.Method))
        {
            return false;
        }

        var word = new JsonWebToken(context.Request.Headers["Gateway-Assertion"].ToString());
        var machine = simulator().Machines.Single(machine => machine.Id == word.Audiences.Single());
        var volume = simulator().Volumes.Single(volume => volume.Id == machine.VolumeId);
        using var body = new StreamReader(context.Request.Body);
        await File.WriteAllTextAsync(Path.Combine(simulator().Cloud.FolderOf(volume), path.Split('/')[^1]), await body.ReadToEndAsync(context.RequestAborted), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status201Created;
        return true;
    }

    private static async Task EchoTypedAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[4096];
        while (await socket.ReceiveAsync(buffer, context.RequestAborted) is { MessageType: not WebSocketMessageType.Close } message)
        {
            await socket.SendAsync(buffer.AsMemory(0, message.Count), WebSocketMessageType.Text, true, context.RequestAborted);
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
    }
}
