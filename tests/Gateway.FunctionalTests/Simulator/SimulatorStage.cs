using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LocalCloud;
using MachinesSimulator;
using Xunit;

namespace Gateway.FunctionalTests.Simulating;

/// <summary>A simulator of the test's own, on addresses of its own, and a client that speaks to it as to the platform.</summary>
internal sealed class SimulatorStage : IAsyncDisposable
{
    public const string App = "workspaces";
    public const string ProcessImage = "tests/echo:latest";

    private readonly MachinesNetwork _network;

    private SimulatorStage(MachinesNetwork network, MachinesSimulator.Simulator simulator)
    {
        (_network, Simulator) = (network, simulator);
        Http = new HttpClient { BaseAddress = simulator.Url, Timeout = Eventually.Limit };
        Http.DefaultRequestHeaders.Add("Authorization", "Bearer fake-token-for-tests");
    }

    public MachinesSimulator.Simulator Simulator { get; }

    public HttpClient Http { get; }

    public static async Task<SimulatorStage> StartAsync(Action<SimulatorOptions>? configure = null)
    {
        var network = MachinesNetwork.Claim();
        var options = new SimulatorOptions
        {
            Url = "http://127.0.0.1:0",
            Network = network.Name,
            RateLimits = false,
            Delays = new SimulatorDelays
            {
                Create = TimeSpan.Zero,
                Start = TimeSpan.Zero,
                Resume = TimeSpan.Zero,
                Stop = TimeSpan.Zero,
                Suspend = TimeSpan.Zero,
                Update = TimeSpan.Zero,
                StillActive = TimeSpan.Zero,
                EchoBoot = TimeSpan.Zero,
            },
        };
        options.Images[ProcessImage] = new ImageCommand(Programs.Host, [typeof(SimulatorOptions).Assembly.Location, EchoProcess.Argument]);
        configure?.Invoke(options);
        return new SimulatorStage(network, await MachinesSimulator.Simulator.StartAsync(options));
    }

    public static string MachinesOf(string app) => $"/v1/apps/{app}/machines";

    public static JsonObject Config(string image = EchoWorkspace.Image, string? volume = null, JsonObject? environment = null, JsonObject? metadata = null)
    {
        var config = new JsonObject { ["image"] = image, ["env"] = environment ?? [], ["metadata"] = metadata ?? [] };
        if (volume is not null)
        {
            config["mounts"] = new JsonArray(new JsonObject { ["volume"] = volume, ["path"] = "/workspace" });
        }

        return config;
    }

    /// <summary>Creates a machine and answers its id.</summary>
    public async Task<string> CreateAsync(string name, JsonObject? config = null, bool launch = false)
    {
        var (status, machine) = await SendAsync(HttpMethod.Post, MachinesOf(App), new JsonObject { ["name"] = name, ["region"] = "sjc", ["config"] = config ?? Config(), ["skip_launch"] = !launch });
        Assert.Equal(HttpStatusCode.OK, status);
        var id = machine["id"]!.GetValue<string>();
        await ReachAsync(id, launch ? "started" : "stopped");
        return id;
    }

    public async Task<string> CreateVolumeAsync(string name)
    {
        var (status, volume) = await SendAsync(HttpMethod.Post, $"/v1/apps/{App}/volumes", new JsonObject { ["name"] = name, ["region"] = "sjc", ["size_gb"] = 1 });
        Assert.Equal(HttpStatusCode.OK, status);
        return volume["id"]!.GetValue<string>();
    }

    public Task<(HttpStatusCode Status, JsonNode Body)> GetAsync(string id) => SendAsync(HttpMethod.Get, $"{MachinesOf(App)}/{id}");

    /// <summary>One of the calls below a machine, such as <c>start</c>.</summary>
    public Task<(HttpStatusCode Status, JsonNode Body)> DoAsync(string id, string what, JsonObject? body = null, string? nonce = null) =>
        SendAsync(HttpMethod.Post, $"{MachinesOf(App)}/{id}/{what}", body, nonce);

    /// <summary>The same, and waits until the machine is where it leads to.</summary>
    public async Task DoAsync(string id, string what, string state)
    {
        Assert.Equal(HttpStatusCode.OK, (await DoAsync(id, what)).Status);
        await ReachAsync(id, state);
    }

    public async Task<(HttpStatusCode Status, JsonNode Body)> SendAsync(HttpMethod method, string path, JsonNode? body = null, string? nonce = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        if (nonce is not null)
        {
            request.Headers.Add("fly-machine-lease-nonce", nonce);
        }

        using var response = await Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? new JsonObject() : JsonNode.Parse(text)!);
    }

    public Task ReachAsync(string id, params string[] states) => Simulator.ReachAsync(Machine(id), states);

    public SimulatedMachine Machine(string id) => Simulator.Find(id) ?? throw new InvalidOperationException($"There is no machine {id}.");

    /// <summary>A client of the workspace itself, at the machine's own address; a new connection for every request.</summary>
    public HttpClient WorkspaceOf(string id) => new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero })
    {
        BaseAddress = new Uri($"http://{Machine(id).Front.Address}"),
        Timeout = Eventually.Limit,
    };

    /// <summary>Waits until the workspace behind the machine's address answers.</summary>
    public async Task<HttpClient> AnsweringAsync(string id)
    {
        await ReachAsync(id, "started");
        await Eventually.HoldsAsync(() => Machine(id).Front.Mode is FrontMode.Open);
        return WorkspaceOf(id);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Simulator.DisposeAsync();
        _network.Dispose();
    }
}
