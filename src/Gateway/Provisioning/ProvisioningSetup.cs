using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Provisioning;

/// <summary>Adds the room.</summary>
internal static class ProvisioningSetup
{
    /// <summary>
    /// <paramref name="readListing"/> is called while the map's memory is not known to be whole; it answers whether a complete listing of machines was read.
    /// Adds <see cref="WorkspaceNames"/> too, for whoever rebuilds the map.
    /// </summary>
    public static IServiceCollection AddProvisioning(this IServiceCollection services, Func<IServiceProvider, Func<CancellationToken, Task<bool>>> readListing)
    {
        services.AddOptions<WorkspaceOptions>().BindConfiguration(WorkspaceOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<WorkspaceOptions>, WorkspaceOptionsValidator>();
        services.AddSingleton(provider => new WorkspaceNames(Options(provider).App, Options(provider).NameKey));
        services.AddSingleton(provider => new WorkspaceTemplate(Options(provider), provider.GetRequiredService<WorkspaceNames>()));
        services.AddSingleton<ProvisioningMetrics>();
        services.AddSingleton<WorkspaceOverrides>();
        services.AddSingleton<MachineReplacement>();
        services.AddSingleton<TemplateInForce>();
        services.AddSingleton<WorkspaceUpgrade>();
        services.AddSingleton<UpgradeRound>();
        services.AddSingleton<WorkspaceRemoval>();
        services.AddSingleton<WorkspaceRestore>();
        services.AddHostedService<UpgradeWatch>();
        services.AddSingleton<UpgradeAtSleep>();
        services.AddHostedService(static provider => provider.GetRequiredService<UpgradeAtSleep>());
        services.AddSingleton<WorkspacePlatform>();
        services.AddSingleton<WorkspaceVolume>();
        services.AddSingleton<WorkspaceBuild>();
        services.AddSingleton(provider => new WorkspaceProvisioner(
            provider.GetRequiredService<ISessionMap>(),
            provider.GetRequiredService<WorkspaceBuild>(),
            provider.GetRequiredService<WorkspaceTemplate>(),
            Options(provider),
            readListing(provider),
            provider.GetRequiredService<Replica>().Name,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ProvisioningMetrics>(),
            provider.GetRequiredService<ILogger<WorkspaceProvisioner>>()));
        return services;
    }

    private static WorkspaceOptions Options(IServiceProvider provider) => provider.GetRequiredService<IOptions<WorkspaceOptions>>().Value;
}
