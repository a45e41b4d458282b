using System.Collections.Concurrent;
using Gateway.FunctionalTests.Contract;
using Gateway.FunctionalTests.Identity;
using LocalCloud;
using MachinesSimulator;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>A whole cloud of the test's own: a real Redis, the simulator, an identity provider, and as many gateways over them as the test starts.</summary>
internal sealed class GatewayEnvironment : IAsyncDisposable
{
    public const string App = "my-jarvis-workspaces";
    public const string NameKey = "fake-name-key-for-tests-0123456789abcdef";

    private readonly List<RunningGateway> _gateways = [];
    private readonly ConcurrentQueue<string> _breaches;

    // Machines have loopback addresses that no other environment has, whether of this process or of another one on this computer.
    private readonly MachinesNetwork _network;

    private GatewayEnvironment(RedisServer redis, Simulator simulator, TestAuthority authority, MachinesNetwork network, ConcurrentQueue<string> breaches) =>
        (Redis, Simulator, Authority, _network, _breaches) = (redis, simulator, authority, network, breaches);

    public RedisServer Redis { get; }

    public Simulator Simulator { get; }

    public TestAuthority Authority { get; }

    /// <summary>Settings of every gateway started from now on.</summary>
    public Dictionary<string, string?> Settings { get; } = [];

    public static async Task<GatewayEnvironment> StartAsync(Action<SimulatorOptions>? configure = null)
    {
        var network = MachinesNetwork.Claim();
        var options = new SimulatorOptions
        {
            Url = "http://127.0.0.1:0",
            Network = network.Name,
            RateLimits = false,
            Delays = new SimulatorDelays
            {
                Create = TimeSpan.FromMilliseconds(20),
                Start = TimeSpan.FromMilliseconds(50),
                Resume = TimeSpan.FromMilliseconds(20),
                Stop = TimeSpan.FromMilliseconds(50),
                Suspend = TimeSpan.FromMilliseconds(50),
                StillActive = TimeSpan.FromMilliseconds(50),
                EchoBoot = TimeSpan.FromMilliseconds(100),
            },
        };
        configure?.Invoke(options);

        // What the gateway asks and what the simulator answers, in every test, is what the platform's contract says; and a simulator that breaks says so,
        // rather than looking like a gateway that does not get on.
        var breaches = new ConcurrentQueue<string>();
        options.OnBroken = breaches.Enqueue;
        var contract = ContractValidator.Load();
        options.OnExchange = exchange =>
        {
            foreach (var fault in contract.ValidateRequest(exchange.Method, exchange.PathAndQuery, exchange.RequestBody)
                .Concat(contract.ValidateResponse(exchange.Method, exchange.PathAndQuery, exchange.Status, exchange.ResponseBody, exchange.ResponseHeaders)))
            {
                breaches.Enqueue($"{exchange.Method} {exchange.PathAndQuery} {exchange.Status}: {fault}");
            }
        };
        return new GatewayEnvironment(await RedisServer.StartAsync(), await Simulator.StartAsync(options), await TestAuthority.StartAsync(), network, breaches);
    }

    /// <summary>One gateway in this process, listening on ports of its own.</summary>
    public async Task<RunningGateway> StartGatewayAsync(params (string Key, string Value)[] settings)
    {
        var all = GatewaySettings();
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        var gateway = await RunningGateway.StartAsync(all, this);
        _gateways.Add(gateway);
        return gateway;
    }

    /// <summary>One gateway as a process of its own; it is the test's to end.</summary>
    public Task<GatewayProcess> StartProcessAsync(string name) => GatewayProcess.StartAsync(name, GatewaySettings(), TextWriter.Null);

    public string TokenOf(string user) => Authority.AccessToken(user);

    public string OperatorToken => Authority.AccessToken("ops", claims: new() { ["role"] = "operator" });

    public async ValueTask DisposeAsync()
    {
        // A gateway that does not stop well fails its test, and still leaves no process behind.
        using (_network)
        await using (Redis)
        await using (Authority)
        await using (Simulator)
        {
            foreach (var gateway in _gateways)
            {
                await gateway.DisposeAsync();
            }
        }

        Assert.True(_breaches.IsEmpty, "Against the platform's contract, or a simulator that broke: " + string.Join('\n', _breaches.Take(10)));
    }

    public Dictionary<string, string?> GatewaySettings() => new(Settings)
    {
        ["Identity:Authority"] = Authority.Url,
        ["Identity:ClientId"] = TestAuthority.ClientId,
        ["Identity:ClientSecret"] = TestAuthority.ClientSecret,
        ["Identity:Audience"] = TestAuthority.Audience,
        ["Identity:AllowHttpAuthority"] = "true",
        ["Identity:Allow:Everyone"] = "true",
        ["FLY_API_TOKEN"] = "fake-token-for-tests",
        ["REDIS_URL"] = Redis.Url,
        ["Machines:ApiUrl"] = Simulator.Url.ToString(),
        ["Machines:KeepRates"] = "false",
        ["Workspaces:App"] = App,
        ["Workspaces:NameKey"] = NameKey,
        ["Workspaces:Image"] = Settings.GetValueOrDefault("Workspaces:Image") ?? EchoWorkspace.Image,
        ["Proxying:AllowedNetworks"] = "127.0.0.0/8",
        ["Proxying:Listen"] = "http://127.0.0.1:0",
        ["Proxying:ListenHttp2"] = "http://127.0.0.1:0",
        ["Proxying:ShutdownGrace"] = "00:00:00",
        ["Operations:Listen"] = "http://127.0.0.1:0",
    };
}
