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
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        List<Task> rounds =
        [
            services.GetRequiredService<UserAccess>().KeepUpAsync(stoppingToken),
            services.GetRequiredService<PersonalTokens>().KeepUsesAsync(stoppingToken),
            services.GetRequiredService<RefreshRounds>().KeepUpAsync(stoppingToken),
        ];
        while (rounds.Count > 0)
        {
            var ended = await Task.WhenAny(rounds);
            if (stoppingToken.IsCancellationRequested)
            {
                // What is under way is heard out.
                await Task.WhenAll(rounds);
                return;
            }

            // A fault of one stops the gateway, loudly; waited for together with the others it would be hidden behind those that never end.
            rounds.Remove(ended);
            await ended;
        }
    }
}
