using LocalCloud.Identity;
using MachinesSimulator;

namespace LocalCloud;

/// <summary>All parts, in the order in which they need each other; they end in the opposite order.</summary>
internal static class Cloud
{
    public static async Task RunAsync(LocalCloudOptions options, PrefixedConsole console, CancellationToken stop)
    {
        console.Say("cloud", $"starting; sessions, volumes and keys are in {options.Folder}");
        Ports.Require(options);
        using var folder = FolderLock.Take(options.Folder);
        using var leftovers = Leftovers.Mark(options.Folder);
        var clientSecret = KeptSecret.LoadOrCreate(Path.Combine(options.Folder, "client-secret"));
        var nameKey = KeptSecret.LoadOrCreate(Path.Combine(options.Folder, "name-key"));

        await using var redis = StartRedis(options, console);
        using var network = MachinesNetwork.Claim();
        await using var machines = await StartMachinesAsync(options with { MachinesNetwork = network.Name }, console);
        await using var identity = await StartIdentityAsync(options, clientSecret, console, stop);
        await using var gateway = await StartGatewayAsync(options, clientSecret, nameKey, console);

        var ready = WhenReadyAsync(options, console, stop);
        var ended = await Task.WhenAny(gateway.Exited, ready);
        if (ended == ready)
        {
            await ready;
            await Task.WhenAny(gateway.Exited, Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop));
        }

        if (!stop.IsCancellationRequested)
        {
            throw new LocalCloudException($"the gateway has ended with exit code {await gateway.Exited}");
        }
    }

    private static EmbeddedRedis? StartRedis(LocalCloudOptions options, PrefixedConsole console)
    {
        if (options.RedisUrl is not null)
        {
            // Its address may hold a password.
            console.Say("redis", "the one of REDIS_URL");
            return null;
        }

        var redis = EmbeddedRedis.Start(options.RedisPort, Path.Combine(options.Folder, "redis"), console.LogOf("redis"));
        console.Say("redis", $"embedded, redis://127.0.0.1:{options.RedisPort}");
        return redis;
    }

    private static async Task<Simulator> StartMachinesAsync(LocalCloudOptions options, PrefixedConsole console)
    {
        var simulator = new SimulatorOptions
        {
            Url = $"http://127.0.0.1:{options.MachinesPort}",
            DataFolder = Path.Combine(options.Folder, "machines"),
            Network = options.MachinesNetwork,
            Log = line => console.Say("machine", line),
        };
        simulator.Images["registry.fly.io/my-jarvis-workspaces:latest"] = new ImageCommand(Programs.Host, [Programs.Find("SampleWorkspace")]);
        var machines = await Simulator.StartAsync(simulator);
        console.Say("machines", $"{machines.Url}");
        return machines;
    }

    private static async Task<IdentityProvider> StartIdentityAsync(
        LocalCloudOptions options, string clientSecret, PrefixedConsole console, CancellationToken stop)
    {
        var identity = await IdentityProvider.StartAsync(
            new IdentityProviderOptions
            {
                Port = options.IdentityPort,
                Folder = Path.Combine(options.Folder, "identity"),
                Clients = [new IdentityClient(GatewayEnvironmentVariables.ClientId, clientSecret), new IdentityClient("terminal", AllowPassword: true)],
                Log = console.LogOf("identity"),
            },
            stop);
        console.Say("identity", $"{identity.Authority}");
        return identity;
    }

    private static async Task<ChildProcess> StartGatewayAsync(LocalCloudOptions options, string clientSecret, string nameKey, PrefixedConsole console)
    {
        var program = Programs.Find("Gateway");
        var variables = GatewayEnvironmentVariables.For(options, clientSecret, nameKey);
        return await ChildProcess.StartAsync("gateway", [Programs.Host, program], Path.GetDirectoryName(program)!, variables, console);
    }

    private static async Task WhenReadyAsync(LocalCloudOptions options, PrefixedConsole console, CancellationToken stop)
    {
        await ReadyCheck.WaitAsync(
            [new Uri(options.PublicUrl, ".gateway/health"), new Uri(options.IdentityUrl, ".well-known/openid-configuration")], stop);
        console.Say(
            $"""

            ready: http://localhost:{options.PublicPort}
              sign in    open it in a browser; any name will do, and ops is an operator
              token      curl -s http://localhost:{options.IdentityPort}/connect/token -d 'grant_type=password&client_id=terminal&username=alice&password=alice&scope=openid'
              operators  http://localhost:{options.OperationsPort}
              machines   http://127.0.0.1:{options.MachinesPort} (any token)
              stop       Ctrl-C

            """);
    }
}
