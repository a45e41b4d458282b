using Microsoft.Extensions.Options;

namespace Gateway.Idling;

internal static class IdlingSetup
{
    /// <summary>Visits, their reports, and the sweeper. Needs an <see cref="ISocketsOfMachine"/> from the host.</summary>
    public static IServiceCollection AddIdling(this IServiceCollection services)
    {
        services.AddOptions<IdlingOptions>().BindConfiguration(IdlingOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<IdlingOptions>, IdlingOptionsValidation>();
        services.AddSingleton<Visits>();
        services.AddSingleton<Consents>();
        services.AddSingleton<StopWarnings>();
        services.AddSingleton<IdleStop>();
        services.AddSingleton<LongSuspended>();
        services.AddSingleton<MachineStop>();
        services.AddSingleton<IdlingMetrics>();
        services.AddHostedService<VisitReports>();
        services.AddSingleton<IdleSweeper>();
        services.AddHostedService(static provider => provider.GetRequiredService<IdleSweeper>());
        return services;
    }
}
