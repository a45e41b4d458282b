using Gateway.Machines;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Reconciling;

/// <summary>Adds the room. Needs <see cref="WorkspaceNames"/>, which comes with the template's secret.</summary>
internal static class ReconcilingSetup
{
    public static IServiceCollection AddReconciling(this IServiceCollection services)
    {
        services.AddOptions<ReconcilingOptions>().BindConfiguration(ReconcilingOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ReconcilingOptions>, ReconcilingOptionsValidator>();
        services.AddSingleton<ReconcilingMetrics>();
        services.AddSingleton<MachineAdoption>();
        services.AddSingleton(provider => new MachineListing(
            provider.GetRequiredService<IMachines>(),
            provider.GetRequiredService<WorkspaceNames>(),
            [.. Options(provider).OtherApps.Prepend(provider.GetRequiredService<WorkspaceNames>().App).Distinct()],
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new MapRebuild(
            provider.GetRequiredService<ISessionMap>(),
            provider.GetRequiredService<MachineListing>(),
            provider.GetRequiredService<MachineAdoption>(),
            Options(provider).RebuildLimit,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ReconcilingMetrics>(),
            provider.GetRequiredService<ILogger<MapRebuild>>()));
        services.AddSingleton<DriftFinder>();
        services.AddSingleton<DriftList>();
        services.AddSingleton<DriftRepair>();
        services.AddSingleton<Reconciler>();
        services.AddHostedService<ReconcileWatch>();
        services.AddHostedService(provider => new RebuildWatch(
            provider.GetRequiredService<ISessionMap>(),
            provider.GetRequiredService<MapRebuild>(),
            Options(provider).CheckEvery,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RebuildWatch>>()));
        return services;
    }

    private static ReconcilingOptions Options(IServiceProvider provider) => provider.GetRequiredService<IOptions<ReconcilingOptions>>().Value;
}
