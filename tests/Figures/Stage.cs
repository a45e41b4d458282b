using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests;
using Gateway.FunctionalTests.Identity;
using Gateway.FunctionalTests.Workspaces;
using LocalCloud;
using MachinesSimulator;

namespace Figures;

/// <summary>What every figure is taken on: a real Redis, the simulator and the identity provider in this process, and gateways as processes of their own.</summary>
internal sealed class Stage : IAsyncDisposable
{
    private const string App = "figures";
    private const string Region = "sjc";

    private readonly List<GatewayProcess> _gateways = [];
    private readonly RedisServer _redis;
    private readonly TestAuthority _authority;
    private readonly MachinesNetwork _network;
    private (string Key, string Value)[] _settings = [];

    private Stage(RedisServer redis, Simulator simulator, TestAuthority authority, MachinesNetwork network) =>
        (_redis, Simulator, _authority, _network) = (redis, simulator, authority, network);

    public Simulator Simulator { get; }

    public RedisServer Redis => _redis;

    public IReadOnlyList<GatewayProcess> Gateways => _gateways;

    public GatewayProcess Gateway => _gateways[0];

    /// <param name="configure">What the simulator is like.</param>
    /// <param name="gateways">How many of them.</param>
    /// <param name="settings">Of every gateway.</param>
    public static async Task<Stage> SetAsync(Action<SimulatorOptions> configure, int gateways, params (string Key, string Value)[] settings)
    {
        var network = MachinesNetwork.Claim();
        var options = new SimulatorOptions { Url = "http://127.0.0.1:0", Network = network.Name, RateLimits = false };
        configure(options);
        var stage = new Stage(await RedisServer.StartAsync(), await Simulator.StartAsync(options), await TestAuthority.StartAsync(), network);
        stage._settings = settings;
        for (var i = 1; i <= gateways; i++)
        {
            await stage.AddGatewayAsync();
        }

        return stage;
    }

    /// <summary>One more of them; it is ready when this returns.</summary>
    public async Task AddGatewayAsync()
    {
        var all = Settings();
        foreach (var (key, value) in _settings)
        {
            all[key] = value;
        }

        _gateways.Add(await GatewayProcess.StartAsync($"gateway-{_gateways.Count + 1}", all, TextWriter.Null));
    }

    public string TokenOf(string user) => _authority.AccessToken(user, endsIn: TimeSpan.FromHours(1));

    /// <summary>The cookie of a browser in which the user has just signed in.</summary>
    public async Task<string> SignInAsync(string user)
    {
        _authority.Person["sub"] = user;
        using var browser = new Browser(Gateway.Url);
        using var page = (await browser.FollowAsync("/")).Answer;
        page.EnsureSuccessStatusCode();
        return browser.Cookies.GetCookieHeader(Gateway.Url);
    }

    /// <summary>A stopped machine, given to the user as an operator would.</summary>
    public async Task<SimulatedMachine> GiveMachineAsync(string user)
    {
        var machine = Simulator.Cloud.Create(App, new JsonObject
        {
            ["name"] = "of-" + user,
            ["region"] = Region,
            ["skip_launch"] = true,
            ["config"] = new JsonObject { ["image"] = EchoWorkspace.Image },
        });
        await Simulator.ReachAsync(machine, "stopped");
        using var operators = new HttpClient { BaseAddress = Gateway.OperationsUrl };
        operators.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _authority.AccessToken("ops", claims: new() { ["role"] = "operator" }));
        using var given = await operators.PutAsJsonAsync("/api/routes/" + user, new { app = App, machine = machine.Id });
        given.EnsureSuccessStatusCode();
        return machine;
    }

    /// <summary>Machines for many users, not all at once.</summary>
    public async Task<IReadOnlyList<(string User, SimulatedMachine Machine)>> GiveMachinesAsync(int count)
    {
        var given = new (string, SimulatedMachine)[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
        {
            var user = string.Create(CultureInfo.InvariantCulture, $"user{i}");
            given[i] = (user, await GiveMachineAsync(user));
        });
        return given;
    }

    /// <summary>Code is compiled and buffers are made for another user first: a gateway in service has both.</summary>
    public async Task WarmAsync()
    {
        await GiveMachineAsync("warm");
        var token = TokenOf("warm");
        await Parallel.ForAsync(0, 2000, new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (_, _) => await Request.GetAsync(Gateway.Url, token));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var gateway in _gateways)
        {
            await gateway.DisposeAsync();
        }

        await Simulator.DisposeAsync();
        await _authority.DisposeAsync();
        await _redis.DisposeAsync();
        _network.Dispose();
    }

    public Dictionary<string, string?> Settings() => new()
    {
        ["Identity:Authority"] = _authority.Url,
        ["Identity:ClientId"] = TestAuthority.ClientId,
        ["Identity:ClientSecret"] = TestAuthority.ClientSecret,
        ["Identity:Audience"] = TestAuthority.Audience,
        ["Identity:AllowHttpAuthority"] = "true",
        ["Identity:Allow:Everyone"] = "true",
        ["FLY_API_TOKEN"] = "fake-token-for-tests",
        ["REDIS_URL"] = _redis.Url,
        ["Machines:ApiUrl"] = Simulator.Url.ToString(),
        ["Machines:KeepRates"] = "false",
        ["Workspaces:App"] = App,
        ["Workspaces:NameKey"] = "fake-name-key-for-tests-0123456789abcdef",
        ["Workspaces:Image"] = EchoWorkspace.Image,
        ["Proxying:AllowedNetworks"] = "127.0.0.0/8",
        // What is measured is the way through, not the limits on it.
        ["Proxying:RequestsPerUser"] = "0",
        ["Proxying:ConcurrentPerUser"] = "0",
        ["Proxying:ShutdownGrace"] = "00:00:00",
    };
}
