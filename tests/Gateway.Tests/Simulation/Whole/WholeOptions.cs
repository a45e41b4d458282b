using Gateway.Idling;
using Gateway.Provisioning;
using Gateway.Proxying;
using Gateway.Reconciling;
using Gateway.Sessions;
using Gateway.Waking;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>The gateways' settings: the defaults, but machines fall asleep sooner (unless a run is of whole days), so that two hours see many lives, and what only looks around does so less often.</summary>
internal sealed class WholeOptions(bool everyday)
{
    public WakingOptions Waking { get; } = new();

    public IdlingOptions Idling { get; } = everyday ? new() : new()
    {
        IdleAfter = TimeSpan.FromMinutes(4),
        AttachedFor = TimeSpan.FromMinutes(12),
        SuspendedFor = TimeSpan.FromMinutes(15),
        ReportEvery = TimeSpan.FromSeconds(20),
        ReplicaLease = TimeSpan.FromMinutes(3),
    };

    public WorkspaceOptions Workspaces { get; } = new() { NameKey = "fake-name-key-for-tests-0123456789" };

    public ReconcilingOptions Reconciling { get; } = new() { CheckEvery = TimeSpan.FromSeconds(20) };

    public SessionsOptions Sessions { get; } = new();

    public ProxyingOptions Proxying { get; } = new();

    public void AddTo(IServiceCollection services)
    {
        services.AddSingleton(Options.Create(Waking));
        services.AddSingleton(Options.Create(Idling));
        services.AddSingleton(Options.Create(Workspaces));
        services.AddSingleton(Options.Create(Reconciling));
        services.AddSingleton(Options.Create(Sessions));
        services.AddSingleton(Options.Create(Proxying));
    }
}
