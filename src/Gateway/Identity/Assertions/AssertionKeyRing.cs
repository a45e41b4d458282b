using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Gateway.Identity.Assertions;

/// <summary>
/// The keys that sign assertions, shared by all replicas. Time is cut into periods and each has a key of its own, made and published one period ahead, so
/// that no verifier meets a key it could not have heard of. Two replicas that make one at once make two, and both are good.
/// </summary>
internal sealed partial class AssertionKeyRing(
    IAssertionKeyStore store,
    IDataProtectionProvider protection,
    IOptions<AssertionOptions> options,
    TimeProvider time,
    ILogger<AssertionKeyRing> logger) : BackgroundService
{
    /// <summary>Stands in the place of a key that an operator took out of use: a key that is only missing is put back.</summary>
    public const string Retired = "retired";

    private static readonly TimeSpan Reread = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(2);

    // A stranger can ask for the published keys as often as they like; Redis is asked this often.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly IDataProtector _protector = protection.CreateProtector("gateway.assertion-keys");
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _loading = new(1);

    // Replaced as a whole by whoever holds _loading; read by anybody.
    private ImmutableArray<AssertionKey> _keys = [];
    private long _loadedAt;

    // What stands in the store for the keys there are: to be put back where it was lost. Only for whoever holds _loading.
    private readonly Dictionary<string, string> _entries = new(StringComparer.Ordinal);

    private volatile TaskCompletionSource _doubt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _doubted;

    /// <summary>Ends when there is a key to sign with.</summary>
    public Task Ready => _ready.Task;

    private long Period => time.GetUtcNow().ToUnixTimeSeconds() / (long)options.Value.AssertionKeyLifetime.TotalSeconds;

    /// <summary>The key of this period, or the last one there was. Null: none is known.</summary>
    public AssertionKey? Signing()
    {
        var period = Period;
        AssertionKey? best = null;
        foreach (var key in _keys)
        {
            if (key.CanSign && key.Period <= period && (best is null || key.Period > best.Period))
            {
                best = key;
            }
        }

        return best;
    }

    /// <summary>What verifiers may know: all keys there are, as fresh as a second.</summary>
    public async Task<ImmutableArray<AssertionKey>> PublishedAsync(CancellationToken cancellationToken)
    {
        if (_keys.IsEmpty || time.GetElapsedTime(Volatile.Read(ref _loadedAt)) > Fresh)
        {
            await TryLoadAsync(cancellationToken);
        }

        return _keys;
    }

    /// <summary>What is shared may have been lost, or changed unheard: it is read again now.</summary>
    public void Doubt()
    {
        Volatile.Write(ref _doubted, 1);
        _doubt.TrySetResult();
    }

    /// <summary>One round: reads what is shared, makes what is missing for this period and the next, drops what no assertion can need.</summary>
    internal async Task LoadAsync(CancellationToken cancellationToken)
    {
        await _loading.WaitAsync(cancellationToken);
        try
        {
            if (Interlocked.Exchange(ref _doubted, 0) == 0 && !_keys.IsEmpty && time.GetElapsedTime(_loadedAt) <= Fresh)
            {
                return;
            }

            var period = Period;
            var keys = await ReadAsync(period);
            var made = await MakeAsync(keys, period);
            // Read again: another replica may have made its own at the same moment, and its assertions are out there.
            _keys = made ? [.. await ReadAsync(period)] : [.. keys];
            Volatile.Write(ref _loadedAt, time.GetTimestamp());
            foreach (var gone in _entries.Keys.Except(_keys.Select(static key => key.Id)).ToList())
            {
                _entries.Remove(gone);
            }
        }
        finally
        {
            _loading.Release();
        }

        if (Signing() is not null)
        {
            _ready.TrySetResult();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var doubt = _doubt = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var loaded = await TryLoadAsync(stoppingToken);
            await doubt.Task.WaitAsync(loaded ? Reread : AfterFailure, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> TryLoadAsync(CancellationToken cancellationToken)
    {
        try
        {
            await LoadAsync(cancellationToken);
            return true;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return false;
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException or OperationCanceledException or ObjectDisposedException or CryptographicException)
        {
            Log.NotLoaded(logger, failure.GetType().Name);
            return false;
        }
    }

    private async Task<List<AssertionKey>> ReadAsync(long period)
    {
        var keys = new List<AssertionKey>();
        var shared = await store.ReadAsync();
        foreach (var (id, text) in shared)
        {
            if (text == Retired)
            {
                continue;
            }

            _entries[id] = text;
            if (_keys.FirstOrDefault(known => known.Id == id) is { CanSign: true } known && known.Period >= period - 1)
            {
                keys.Add(known);
            }
            else if (Parse(id, text) is { } key && key.Period >= period - 1)
            {
                keys.Add(key);
            }
            else
            {
                await store.RemoveAsync(id);
                _entries.Remove(id);
            }
        }

        foreach (var known in _keys.Where(known => known.Period >= period - 1 && !shared.ContainsKey(known.Id)))
        {
            // The store was emptied. Others sign with it still, and who verifies must go on finding it.
            if (_entries.TryGetValue(known.Id, out var text))
            {
                await store.AddAsync(known.Id, text);
                keys.Add(known);
            }
        }

        // The same order everywhere, so that replicas agree on the key where there are two.
        keys.Sort(static (one, other) => string.CompareOrdinal(one.Id, other.Id));
        return keys;
    }

    private async Task<bool> MakeAsync(List<AssertionKey> keys, long period)
    {
        var made = false;
        foreach (var wanted in new[] { period, period + 1 })
        {
            if (!keys.Any(key => key.Period == wanted && key.CanSign))
            {
                using var key = AssertionKey.New(wanted, out var privatePart);
                var entry = new Entry(wanted, key.X, key.Y, Convert.ToBase64String(_protector.Protect(privatePart)));
                await store.AddAsync(key.Id, _entries[key.Id] = JsonSerializer.Serialize(entry));
                Log.Made(logger, key.Id, wanted);
                made = true;
            }
        }

        return made;
    }

    private AssertionKey? Parse(string id, string text)
    {
        try
        {
            var entry = JsonSerializer.Deserialize<Entry>(text);
            return entry is { X.Length: 43, Y.Length: 43 } ? new AssertionKey(id, entry.Period, entry.X, entry.Y, Unprotect(id, entry.Protected)) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Null: made under a protection key this replica does not have. Its maker's assertions are published all the same.</summary>
    private ECDsa? Unprotect(string id, string text)
    {
        try
        {
            return AssertionKey.Read(_protector.Unprotect(Convert.FromBase64String(text)));
        }
        catch (Exception failure) when (failure is CryptographicException or FormatException)
        {
            Log.Unreadable(logger, id);
            return null;
        }
    }

    private sealed record Entry(long Period, string X, string Y, string Protected);

    private static partial class Log
    {
        [LoggerMessage(1400, LogLevel.Information, "The assertion key {Key} was made for period {Period}", EventName = "AssertionKeyMade")]
        public static partial void Made(ILogger logger, string key, long period);

        [LoggerMessage(1401, LogLevel.Warning, "The assertion keys were not read ({Failure}); the ones known go on", EventName = "AssertionKeysNotRead")]
        public static partial void NotLoaded(ILogger logger, string failure);

        [LoggerMessage(1402, LogLevel.Debug, "The assertion key {Key} is another replica's alone", EventName = "AssertionKeyUnreadable")]
        public static partial void Unreadable(ILogger logger, string key);
    }
}
