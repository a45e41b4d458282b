using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Reconciling;
using Gateway.Sessions;
using Gateway.Tests.Sessions;
using Gateway.Tests.Simulation;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Xunit;

namespace Gateway.Tests.Provisioning;

/// <summary>The two rooms as the product puts them together.</summary>
public sealed class ProvisioningSetupTests
{
    private readonly SimulatedWorld _world = new();

    [Fact]
    public void Rooms_together_make_a_workspace_in_a_new_map()
    {
        using var services = Build(new() { ["Workspaces:NameKey"] = "fake-name-key-for-tests-0123456789", ["Workspaces:Regions:0"] = "ams" });
        var provisioner = services.GetRequiredService<WorkspaceProvisioner>();

        var outcome = _world.Run(() => provisioner.EnsureAssignedAsync(new UserId("alice"), TimeSpan.FromMinutes(1), default));

        Assert.Equal("ams", Assert.IsType<ProvisionOutcome.Assigned>(outcome).Session.Region);
        Assert.Single(services.GetServices<IHostedService>().OfType<RebuildWatch>());
    }

    [Fact]
    public void Missing_name_key_refuses_to_start()
    {
        using var services = Build([]);

        var refusal = Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IStartupValidator>().Validate());

        Assert.StartsWith("Workspaces:NameKey ", Assert.Single(refusal.Failures));
    }

    private ServiceProvider Build(Dictionary<string, string?> configuration) => new ServiceCollection()
        .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(configuration).Build())
        .AddLogging()
        .AddMetrics()
        .AddSingleton<TimeProvider>(_world.Time)
        .AddSingleton(new Replica("a"))
        .AddSingleton<ISessionMap>(new SimulatedMap(_world.Time).For("a"))
        .AddSingleton<IChangeChannel>(new QuietChannel())
        .AddSingleton<SessionsMetrics>()
        .AddSingleton(new Random(1))
        .AddSingleton<ChangeFeed>()
        .AddSingleton<INotes>(new SimulatedNotes())
        .AddSingleton<AuditTrail>()
        .AddSingleton<IVisitMap>(new SimulatedVisitMap(new SimulatedVisitStore(_world.Time, new SimulatedMap(_world.Time)), new SimulatedReplica("a")))
        .AddSingleton<IMachines>(new SimulatedMachines(_world.Time))
        .AddProvisioning(provider => provider.GetRequiredService<MapRebuild>().EnsureListedAsync)
        .AddReconciling()
        .BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
}
