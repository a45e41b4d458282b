using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Gateway.Redis;

/// <summary>
/// Who the primary is, by those who decide it. All Sentinels are asked and the latest decision counts: one that was cut off, or has just come back, still
/// tells of an earlier one.
/// </summary>
internal sealed class Sentinels : IAsyncDisposable
{
    // A Sentinel that hangs holds the answers of the others up for this long.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly string _name;
    private readonly TimeProvider _time;
    private readonly Task<ConnectionMultiplexer> _connecting;

    public Sentinels(ConfigurationOptions options, TimeProvider time)
    {
        (_name, _time) = (options.ServiceName!, time);
        var own = options.Clone();
        // To the client these are servers like others, with few commands: what it makes of a service name is not wanted, see RedisConnection.
        own.ServiceName = null;
        own.CommandMap = CommandMap.Sentinel;
        (own.TieBreaker, own.ConfigurationChannel, own.DefaultDatabase) = ("", "", null);
        (own.User, own.Password) = (NullIfEmpty(options.SentinelUser), NullIfEmpty(options.SentinelPassword));
        _connecting = ConnectionMultiplexer.ConnectAsync(own);
    }

    /// <summary>Null: none answered, or none knows of it.</summary>
    public async Task<Primary?> AskAsync(CancellationToken cancellationToken)
    {
        var multiplexer = await _connecting.WaitAsync(cancellationToken);
        var told = await Task.WhenAll(multiplexer.GetServers().Select(server => AskAsync(server, cancellationToken)));
        return told.OfType<Primary>().MaxBy(static primary => primary.Epoch);
    }

    public async ValueTask DisposeAsync() => await (await _connecting).DisposeAsync();

    private async Task<Primary?> AskAsync(IServer sentinel, CancellationToken cancellationToken)
    {
        try
        {
            // The epoch first: the address is then of that decision or of a later one.
            var asked = sentinel.SentinelMasterAsync(_name);
            var located = sentinel.SentinelGetMasterAddressByNameAsync(_name);
            await Task.WhenAll(asked, located).WaitAsync(Patience, _time, cancellationToken);
            var epoch = (await asked).FirstOrDefault(static field => field.Key == "config-epoch").Value;
            return await located is { } address && long.TryParse(epoch, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? new Primary(address, number) : null;
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException or ObjectDisposedException)
        {
            return null;
        }
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    internal sealed record Primary(EndPoint Address, long Epoch);
}
