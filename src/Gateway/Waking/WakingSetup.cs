using Microsoft.Extensions.Options;

namespace Gateway.Waking;

internal static class WakingSetup
{
    /// <summary>Needs an <see cref="IReadinessProbe"/> from the host.</summary>
    public static IServiceCollection AddWaking(this IServiceCollection services)
    {
        services.AddOptions<WakingOptions>().BindConfiguration(WakingOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<WakingOptions>, WakingOptionsValidation>();
        services.AddSingleton(static provider => new HeldRequests(provider.GetRequiredService<IOptions<WakingOptions>>().Value));
        services.AddSingleton<BootTimes>();
        services.AddSingleton<WakingMetrics>();
        services.AddSingleton<MachineWaker>();
        services.AddSingleton<BackgroundWakes>();
        return services;
    }
}
