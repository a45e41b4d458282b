using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Options;

namespace Gateway.Identity.Refreshing;

/// <summary>
/// The provider's refresh tokens, encrypted by the keys that protect the cookies. Each is beside its sign-in and not in it, so that whoever renews the one
/// cannot bring back an earlier other.
/// </summary>
internal sealed class RefreshTokens(IRefreshStore store, IDataProtectionProvider protection, IOptions<IdentityOptions> options, TimeProvider time)
{
    private readonly IDataProtector _protector = protection.CreateProtector("gateway.refresh-tokens");

    /// <summary>Sign-ins are confirmed at the provider at all.</summary>
    public bool AreKept => options.Value.RefreshEvery > TimeSpan.Zero;

    public Task KeepAsync(string id, string token) =>
        AreKept ? store.WriteAsync(id, Protect(token), NextDue(), options.Value.AbsoluteLifetime) : Task.CompletedTask;

    public Task<IReadOnlyList<string>> ClaimAsync(int most, TimeSpan lease)
    {
        // By this replica's clock: the lease is minutes, and hosts' clocks differ by less.
        var now = time.GetUtcNow();
        return store.ClaimAsync(most, now, now + lease);
    }

    /// <summary>Null: there is none.</summary>
    /// <exception cref="CryptographicException">It cannot be read, which may be for the moment only: the keys are read from the store as well.</exception>
    public async Task<RefreshToken?> ReadAsync(string id) =>
        await store.ReadAsync(id) is { } kept ? new RefreshToken(kept, Encoding.UTF8.GetString(_protector.Unprotect(kept))) : null;

    /// <summary>Whether it is still the one that counts: it may have been sent by another replica, and another be kept since.</summary>
    public async Task<bool> IsKeptAsync(string id, RefreshToken sent) => await store.ReadAsync(id) is { } kept && kept.AsSpan().SequenceEqual(sent.Kept);

    public Task<bool> ReplaceAsync(string id, RefreshToken sent, string given) => store.ReplaceAsync(id, sent.Kept, Protect(given));

    public Task SettleAsync(string id) => store.SettleAsync(id, NextDue());

    public Task ForgetAsync(string id) => store.ForgetAsync(id);

    private byte[] Protect(string token) => _protector.Protect(Encoding.UTF8.GetBytes(token));

    // Spread, or those who signed in together would be asked about together for ever.
    private DateTimeOffset NextDue() => time.GetUtcNow() + (options.Value.RefreshEvery * (0.9 + (0.2 * Random.Shared.NextDouble())));
}

/// <param name="Kept">As it lies in the store.</param>
/// <param name="Text">As the provider gave it.</param>
internal sealed record RefreshToken(byte[] Kept, string Text);
