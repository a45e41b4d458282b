using Gateway.FunctionalTests.Simulating;
using Gateway.Machines;
using Gateway.Tests.Simulation;
using MachinesSimulator;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gateway.FunctionalTests.Agreement;

/// <summary>The platform that the simulation stands on answers as the simulator does over HTTP, through the gateway's own client: the same scripts, word for word.</summary>
public sealed class PlatformAgreementTests
{
    private const int Scripts = 10;
    private const int Calls = 60;

    [Fact]
    public async Task Simulated_platform_answers_as_the_simulator_over_http()
    {
        for (var seed = 1; seed <= Scripts; seed++)
        {
            await using var stage = await SimulatorStage.StartAsync();
            await using var services = ClientOf(stage.Simulator.Url);
            var real = await new PlatformScript(seed, services.GetRequiredService<IMachines>(), EchoWorkspace.Image).RunAsync(Calls).WaitAsync(Eventually.Limit);

            var world = new SimulatedWorld();
            var model = world.Run(() => new PlatformScript(seed, new SimulatedMachines(world.Time), EchoWorkspace.Image).RunAsync(Calls));

            Assert.Equal(real, model);
        }
    }

    private static ServiceProvider ClientOf(Uri url)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["FLY_API_TOKEN"] = "fake-token-for-tests",
            ["Machines:ApiUrl"] = url.ToString(),
            ["Machines:KeepRates"] = "false",
        }).Build());
        services.AddMetrics().AddLogging().AddMachines();
        return services.BuildServiceProvider();
    }
}
