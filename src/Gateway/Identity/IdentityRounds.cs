using Gateway.Identity.Access;
using Gateway.Identity.Refreshing;
using Gateway.Identity.Tokens;

namespace Gateway.Identity;

/// <summary>
/// What the room does by itself. Hosted services are made before the configuration is validated, and a fault of ours must be listed among those of
/// all sections: so what reads settings is asked for only when the host has started.
/// </summary>
internal sealed class IdentityRounds(IServiceProvider services) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        services.GetRequiredService<UserAccess>().KeepUpAsync(stoppingToken),
        services.GetRequiredService<PersonalTokens>().KeepUsesAsync(stoppingToken),
        services.GetRequiredService<RefreshRounds>().KeepUpAsync(stoppingToken));
}
