using Gateway.Sessions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Benchmarks;

/// <summary>Writes the session map as a replica does, by the product's own code, from this process: what is measured hears of it and does none of it.</summary>
internal sealed class SessionWriter : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private SessionWriter(ServiceProvider services) => _services = services;

    private ISessionMap Map => _services.GetRequiredService<ISessionMap>();

    public static async Task<SessionWriter> ConnectAsync(string redisUrl)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new("REDIS_URL", redisUrl)]).Build());
        services.AddLogging().AddMetrics().AddSingleton(TimeProvider.System).AddSessions();
        var writer = new SessionWriter(services.BuildServiceProvider());
        await writer._services.GetRequiredService<IChangeChannel>().FirstAttemptAsync();
        return writer;
    }

    public async Task<Session> FindAsync(string user) =>
        await Map.FindSessionAsync(new Gateway.UserId(user), CancellationToken.None) ?? throw new InvalidOperationException($"{user} has no session.");

    public async Task<Session> WriteAsync(Session next)
    {
        var write = await Map.WriteAsync(next, CancellationToken.None);
        return write.Won ? write.Current! : throw new InvalidOperationException("Somebody else writes sessions while they are measured.");
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
