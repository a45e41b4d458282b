using System.Net;
using System.Text;
using System.Text.Json;
using Gateway.Machines;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gateway.FunctionalTests.Contract;

/// <summary>Everything that the gateway can say to the Machines API is in the contract.</summary>
public sealed class ClientContractTests : IDisposable
{
    private const string App = "workspaces";
    private const string MachineBody = """{"id":"1857156b526dd8","name":"ws","state":"started","region":"ord","instance_id":"01HEPA","config":{"image":"i"}}""";
    private const string VolumeBody = """{"id":"vol_1","name":"ws_1","state":"created","region":"ord","size_gb":5}""";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly MachineId Machine = new("1857156b526dd8");
    private static readonly VolumeId Volume = new("vol_1");

    private static readonly MachineConfig Config = new()
    {
        Image = "registry.test/ws:1",
        Env = new() { ["A"] = "1" },
        Init = new() { Cmd = ["run"] },
        Guest = new(),
        Mounts = [new() { Volume = "vol_1", Path = "/workspace" }],
        Metadata = new() { ["gateway_user"] = "alice" },
        Restart = new() { Policy = "on-failure", MaxRetries = 3 },
        StopConfig = new() { Signal = "SIGTERM", Timeout = "10s" },
        Rest = new() { ["services"] = JsonSerializer.SerializeToElement(Array.Empty<string>()), ["auto_destroy"] = JsonSerializer.SerializeToElement(false) },
    };

    /// <summary>Each method of the port with each of its shapes.</summary>
    private static readonly Dictionary<string, Func<IMachines, Task<MachinesFailure?>>> Calls = new()
    {
        [nameof(IMachines.ListAsync)] = static machines => Of(machines.ListAsync(App, new Dictionary<string, string> { ["gateway_user"] = "a&b=c" }, null, default)),
        [nameof(IMachines.ListAsync) + ", next page"] = static machines => Of(machines.ListAsync(App, new Dictionary<string, string>(), "cursor/1", default)),
        [nameof(IMachines.GetAsync)] = static machines => Of(machines.GetAsync(App, Machine, default)),
        [nameof(IMachines.CreateAsync)] = static machines => Of(machines.CreateAsync(App, new NewMachine("ws", "ord", Config), launch: true, default)),
        [nameof(IMachines.CreateAsync) + ", not launched"] = static machines => Of(machines.CreateAsync(App, new NewMachine("ws", "ord", Config), launch: false, default)),
        [nameof(IMachines.UpdateAsync)] = static machines => Of(machines.UpdateAsync(App, Machine, Config, "01HEPA", "n", launch: true, default)),
        [nameof(IMachines.UpdateAsync) + ", not launched"] = static machines => Of(machines.UpdateAsync(App, Machine, Config, "01HEPA", null, launch: false, default)),
        [nameof(IMachines.StartAsync)] = static machines => Of(machines.StartAsync(App, Machine, "n", default)),
        [nameof(IMachines.StopAsync)] = static machines => Of(machines.StopAsync(App, Machine, TimeSpan.FromSeconds(10), "n", default)),
        [nameof(IMachines.StopAsync) + ", no grace"] = static machines => Of(machines.StopAsync(App, Machine, null, null, default)),
        [nameof(IMachines.SuspendAsync)] = static machines => Of(machines.SuspendAsync(App, Machine, "n", default)),
        [nameof(IMachines.WaitAsync)] = static machines => Of(machines.WaitAsync(App, Machine, "stopped", "01HEPA", TimeSpan.FromMinutes(5), default)),
        [nameof(IMachines.WaitAsync) + ", settled"] = static machines => Of(machines.WaitAsync(App, Machine, "settled", null, TimeSpan.Zero, default)),
        [nameof(IMachines.LeaseAsync)] = static machines => Of(machines.LeaseAsync(App, Machine, TimeSpan.FromSeconds(30), "idle stop", default)),
        [nameof(IMachines.ReleaseLeaseAsync)] = static machines => Of(machines.ReleaseLeaseAsync(App, Machine, "n", default)),
        [nameof(IMachines.SetMetadataAsync)] = static machines => Of(machines.SetMetadataAsync(App, Machine, "gateway_user", "alice", default)),
        [nameof(IMachines.DestroyAsync)] = static machines => Of(machines.DestroyAsync(App, Machine, force: false, "n", default)),
        [nameof(IMachines.DestroyAsync) + ", forced"] = static machines => Of(machines.DestroyAsync(App, Machine, force: true, null, default)),
        [nameof(IMachines.ListVolumesAsync)] = static machines => Of(machines.ListVolumesAsync(App, default)),
        [nameof(IMachines.GetVolumeAsync)] = static machines => Of(machines.GetVolumeAsync(App, Volume, default)),
        [nameof(IMachines.CreateVolumeAsync)] = static machines => Of(machines.CreateVolumeAsync(App, new NewVolume("ws_1", "ord", 5, new MachineGuest()), default)),
        [nameof(IMachines.ExtendVolumeAsync)] = static machines => Of(machines.ExtendVolumeAsync(App, Volume, 9, default)),
        [nameof(IMachines.ListSnapshotsAsync)] = static machines => Of(machines.ListSnapshotsAsync(App, Volume, default)),
        [nameof(IMachines.TakeSnapshotAsync)] = static machines => Of(machines.TakeSnapshotAsync(App, Volume, default)),
        [nameof(IMachines.DestroyVolumeAsync)] = static machines => Of(machines.DestroyVolumeAsync(App, Volume, default)),
    };

    private readonly RecordingContractHandler _contract = new(ContractValidator.Load(), new GoodApi());
    private readonly ServiceProvider _services;

    public ClientContractTests()
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["FLY_API_TOKEN"] = "fake-token-for-tests",
            ["Machines:ApiUrl"] = "http://machines.test",
            ["Machines:KeepRates"] = "false",
        }).Build());
        services.AddMetrics().AddLogging().AddMachines();
        services.AddHttpClient(MachinesClient.Name).ConfigurePrimaryHttpMessageHandler(() => _contract);
        _services = services.BuildServiceProvider();
    }

    public static TheoryData<string> EveryCall => [.. Calls.Keys];

    public void Dispose() => _services.Dispose();

    [Theory]
    [MemberData(nameof(EveryCall))]
    public async Task Call_keeps_the_contract(string call)
    {
        var failure = await Calls[call](_services.GetRequiredService<IMachines>()).WaitAsync(Limit);

        Assert.Null(failure);
        Assert.Empty(_contract.Faults);
        Assert.InRange(_contract.Exchanges, 1, 2);
    }

    [Fact]
    public void No_call_of_the_port_is_left_out() =>
        Assert.Equal(typeof(IMachines).GetMethods().Select(static method => method.Name).Order(), Calls.Keys.Select(static call => call.Split(',')[0]).Distinct().Order());

    [Fact]
    public async Task Fault_in_an_exchange_is_remembered_and_the_exchange_goes_on()
    {
        using var recording = new RecordingContractHandler(ContractValidator.Load(), new GoodApi());
        using var client = new HttpClient(recording);

        using var response = await client.GetAsync(new Uri("http://machines.test/v1/apps/workspaces/machines/a?summary=true")).WaitAsync(Limit);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("query summary is not in the contract", Assert.Single(recording.Faults), StringComparison.Ordinal);
    }

    private static async Task<MachinesFailure?> Of<T>(Task<MachinesResult<T>> call) => (await call).Failure;

    /// <summary>Answers each operation as the platform does; what it says is held against the contract as well.</summary>
    private sealed class GoodApi : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var path = request.RequestUri!.AbsolutePath;
            var (status, body) = (request.Method.Method, path[(path.LastIndexOf('/') + 1)..]) switch
            {
                ("GET", "machines") => (200, $"[{MachineBody}]"),
                ("GET", "wait") => (200, """{"ok":true,"state":"stopped","event_id":"e","version":"01HEPA"}"""),
                ("GET", "volumes") => (200, $"[{VolumeBody}]"),
                ("GET", "snapshots") => (200, """[{"id":"vs_1","size":1,"status":"created","created_at":"2026-01-01T00:00:00Z"}]"""),
                ("POST", "start" or "stop" or "suspend") => (200, """{"ok":true}"""),
                ("POST", "lease") => (201, """{"status":"success","data":{"nonce":"n","expires_at":1767225600,"owner":"o","description":"d","version":"01HEPA"}}"""),
                ("POST", "gateway_user") => (204, ""),
                ("POST", "volumes") => (200, VolumeBody),
                ("POST", "snapshots") => (200, ""),
                ("PUT", "extend") => (200, $$"""{"volume":{{VolumeBody}},"needs_restart":false}"""),
                ("DELETE", "lease") => (200, """{"status":"success","data":{"ok":true}}"""),
                (_, "vol_1") => (200, VolumeBody),
                ("DELETE", _) => (200, """{"ok":true}"""),
                _ => (200, MachineBody),
            };
            return Task.FromResult(new HttpResponseMessage((HttpStatusCode)status) { Content = new StringContent(body, Encoding.UTF8, "application/json") });
        }
    }
}
