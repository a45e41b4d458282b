using System.Text.Json.Nodes;

namespace MachinesSimulator;

/// <summary>The Machines API over real local processes, running: its address, its machines, and what can be made to go wrong.</summary>
internal sealed class Simulator : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly EchoWorkspace _echo;

    private Simulator(WebApplication app, EchoWorkspace echo, SimulatedCloud cloud) => (_app, _echo, Cloud) = (app, echo, cloud);

    public Uri Url => new(_app.Urls.First());

    public SimulatedCloud Cloud { get; }

    public Faults Faults => Cloud.Faults;

    /// <summary>Every machine that was not destroyed.</summary>
    public IReadOnlyList<SimulatedMachine> Machines => [.. Cloud.Machines.Where(static machine => machine.State != "destroyed")];

    public IReadOnlyList<SimulatedVolume> Volumes => [.. Cloud.Volumes];

    public static async Task<Simulator> StartAsync(SimulatorOptions options, CancellationToken cancellationToken = default)
    {
        var echo = await EchoWorkspace.StartAsync(options.Answer, cancellationToken);
        var cloud = new SimulatedCloud(options, echo);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(options.Url);
        var app = builder.Build();
        var simulator = new Simulator(app, echo, cloud);
        var api = new ApiEndpoint(cloud, options);
        var leases = new Leases(cloud, options);
        new MachineEndpoints(cloud, options, leases).Map(app, api);
        leases.Map(app, api);
        new VolumeEndpoints(cloud, options).Map(app, api);
        app.MapGet("/v1/apps/{app}", api.Of("app", static call => new JsonObject { ["id"] = call.App, ["name"] = call.App, ["status"] = "deployed", ["organization"] = new JsonObject { ["name"] = "personal", ["slug"] = "personal" } }));
        new FaultEndpoints(simulator).Map(app);
        // The pattern, because the default one leaves out paths that look like a file's.
        app.MapFallback("{*path}", static context =>
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return context.Response.WriteAsync("404 page not found\n");
        });
        await app.StartAsync(cancellationToken);
        return simulator;
    }

    public SimulatedMachine? Find(string id) => Machines.FirstOrDefault(machine => machine.Id == id);

    /// <summary>The one machine with this name or whose environment says it is this user's.</summary>
    public SimulatedMachine MachineOf(string user) =>
        Machines.Single(machine => machine.Config["env"]?["USER_ID"]?.GetValue<string>() == user);

    public int Calls(string action, string? target = null) =>
        Cloud.Calls.Where(pair => pair.Key.Action == action && (target is null || pair.Key.Target == target)).Sum(static pair => pair.Value);

    public void StopBehindOurBack(SimulatedMachine machine) => Cloud.Life.Stop(machine, TimeSpan.FromSeconds(2));

    public Task DestroyAsync(SimulatedMachine machine) => Cloud.DestroyAsync(machine, force: true);

    /// <summary>Answers when the machine is in one of the states, at the latest after a minute.</summary>
    public async Task ReachAsync(SimulatedMachine machine, params string[] states)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1), TimeProvider.System);
        while (true)
        {
            var change = Cloud.NextChange;
            if (states.Contains(machine.State))
            {
                return;
            }

            await change.WaitAsync(limit.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
        await Cloud.DisposeAsync();
        await _echo.DisposeAsync();
    }
}
