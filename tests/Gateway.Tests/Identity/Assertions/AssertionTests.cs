using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gateway.Identity;
using Gateway.Identity.Assertions;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Identity.Assertions;

/// <summary>The signed word about a user that a machine gets: what it says, for how long, and under which keys.</summary>
public sealed class AssertionTests
{
    private static readonly UserId Alice = new("alice");
    private static readonly MachineId Machine = new("d8d0000000000a");

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 6, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly MemoryKeys _store = new();
    private readonly EphemeralDataProtectionProvider _protection = new();

    [Fact]
    public async Task Assertion_NamesIssuerUserMachineAndFiveMinutes_AndVerifiesUnderThePublishedKey()
    {
        var ring = await RingAsync();

        var assertion = await Assertions(ring).OfAsync(Alice, Machine, CancellationToken.None);

        var claims = Verify(assertion!, await ring.PublishedAsync(CancellationToken.None));
        Assert.Equal("https://gateway.example", claims.GetProperty("iss").GetString());
        Assert.Equal("alice", claims.GetProperty("sub").GetString());
        Assert.Equal("d8d0000000000a", claims.GetProperty("aud").GetString());
        Assert.Equal(_time.GetUtcNow().ToUnixTimeSeconds(), claims.GetProperty("iat").GetInt64());
        Assert.Equal(300, claims.GetProperty("exp").GetInt64() - claims.GetProperty("iat").GetInt64());
        Assert.Equal(5, claims.EnumerateObject().Count());
    }

    [Fact]
    public async Task UserNameWithQuotesAndOtherAlphabets_IsWrittenAsText()
    {
        var ring = await RingAsync();

        var assertion = await Assertions(ring).OfAsync(new UserId("a\"},{\"sub\":\"bob é"), Machine, CancellationToken.None);

        Assert.Equal("a\"},{\"sub\":\"bob é", Verify(assertion!, await ring.PublishedAsync(CancellationToken.None)).GetProperty("sub").GetString());
    }

    [Fact]
    public async Task SecondRequest_GetsTheSameAssertionWithoutAnAllocation()
    {
        var assertions = Assertions(await RingAsync());
        var first = await assertions.OfAsync(Alice, Machine, CancellationToken.None);
        for (var warm = 0; warm < 100; warm++)
        {
            await assertions.OfAsync(Alice, Machine, CancellationToken.None);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        var same = true;
        for (var warm = 0; warm < 1000; warm++)
        {
            same &= ReferenceEquals(await assertions.OfAsync(Alice, Machine, CancellationToken.None), first);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);
        Assert.True(same);
    }

    [Fact]
    public async Task AssertionHandedOut_AlwaysHasHalfOfItsLifeLeft()
    {
        var ring = await RingAsync();
        var assertions = Assertions(ring);
        for (var step = 0; step < 40; step++)
        {
            var claims = Verify((await assertions.OfAsync(Alice, Machine, CancellationToken.None))!, await ring.PublishedAsync(CancellationToken.None));

            Assert.True(claims.GetProperty("exp").GetInt64() - _time.GetUtcNow().ToUnixTimeSeconds() >= 150);
            _time.Advance(TimeSpan.FromSeconds(37));
        }
    }

    [Fact]
    public async Task OtherUserOrMachine_HasAnAssertionOfTheirOwn()
    {
        var assertions = Assertions(await RingAsync());

        var all = new[]
        {
            await assertions.OfAsync(Alice, Machine, CancellationToken.None),
            await assertions.OfAsync(new UserId("bob"), Machine, CancellationToken.None),
            await assertions.OfAsync(Alice, new MachineId("d8d0000000000b"), CancellationToken.None),
        };

        Assert.Equal(3, all.Distinct().Count());
    }

    [Fact]
    public async Task StoreThatWasEmptied_IsGivenItsKeysBack_SoThatWhatOthersSignedStillVerifies()
    {
        var one = await RingAsync();
        var other = await RingAsync();
        var assertion = await Assertions(one).OfAsync(Alice, Machine, CancellationToken.None);

        _store.Entries.Clear();
        other.Doubt();
        await other.LoadAsync(CancellationToken.None);
        var late = await RingAsync();

        Verify(assertion!, await other.PublishedAsync(CancellationToken.None));
        Verify(assertion!, await late.PublishedAsync(CancellationToken.None));
        Assert.Equal(2, _store.Entries.Count);
    }

    [Fact]
    public async Task KeyThatWasRetired_SignsNothingMore_AndIsPublishedNoMore()
    {
        var ring = await RingAsync();
        var retired = ring.Signing()!.Id;

        _store.Entries[retired] = AssertionKeyRing.Retired;
        ring.Doubt();
        await ring.LoadAsync(CancellationToken.None);

        Assert.NotEqual(retired, ring.Signing()!.Id);
        Assert.DoesNotContain(await ring.PublishedAsync(CancellationToken.None), key => key.Id == retired);
        Assert.Equal(AssertionKeyRing.Retired, _store.Entries[retired]);
    }

    [Fact]
    public async Task TwoReplicas_ShareTheirKeys()
    {
        var one = await RingAsync();
        var other = await RingAsync();

        Assert.Equal(one.Signing()!.Id, other.Signing()!.Id);
        Assert.Equal(2, _store.Entries.Count);
    }

    [Fact]
    public async Task PrivatePart_IsNotReadableInTheStore()
    {
        var ring = await RingAsync();
        var stored = string.Concat(_store.Entries.Values);

        Assert.DoesNotContain("PRIVATE", stored, StringComparison.Ordinal);
        Assert.All(
            _store.Entries.Values.Select(static entry => JsonDocument.Parse(entry).RootElement.GetProperty("Protected").GetString()!),
            static text => Assert.ThrowsAny<CryptographicException>(() => AssertionKey.Read(Convert.FromBase64String(text))));
        Assert.NotNull(ring.Signing());
    }

    [Fact]
    public async Task KeyOfTheNextPeriod_IsPublishedBeforeItSigns_AndTheLastOneAfter()
    {
        var ring = await RingAsync();
        var first = ring.Signing()!.Id;
        var announced = (await ring.PublishedAsync(CancellationToken.None)).Select(static key => key.Id).ToHashSet();

        _time.Advance(TimeSpan.FromDays(1));
        await ring.LoadAsync(CancellationToken.None);

        Assert.NotEqual(first, ring.Signing()!.Id);
        Assert.Contains(ring.Signing()!.Id, announced);
        Assert.Contains(first, (await ring.PublishedAsync(CancellationToken.None)).Select(static key => key.Id));
    }

    [Fact]
    public async Task KeysOfLongAgo_AreDropped()
    {
        var ring = await RingAsync();
        var first = ring.Signing()!.Id;
        for (var day = 0; day < 3; day++)
        {
            _time.Advance(TimeSpan.FromDays(1));
            await ring.LoadAsync(CancellationToken.None);
        }

        Assert.DoesNotContain(first, _store.Entries.Keys);
        Assert.Equal(3, _store.Entries.Count);
    }

    [Fact]
    public async Task StoreAwayForDays_LeavesTheLastKnownKeySigning()
    {
        var ring = await RingAsync();
        _store.Away = true;

        _time.Advance(TimeSpan.FromDays(5));

        await Assert.ThrowsAsync<TimeoutException>(() => ring.LoadAsync(CancellationToken.None));
        Assert.NotNull(ring.Signing());
        Assert.NotEmpty(await ring.PublishedAsync(CancellationToken.None));
    }

    [Fact]
    public async Task KeysOfAReplicaWithOtherProtection_ArePublishedAndLeftAlone()
    {
        var one = await RingAsync();
        var other = await RingAsync(new EphemeralDataProtectionProvider());

        Assert.NotEqual(one.Signing()!.Id, other.Signing()!.Id);
        Assert.Contains(one.Signing()!.Id, (await other.PublishedAsync(CancellationToken.None)).Select(static key => key.Id));
        Assert.Contains(one.Signing()!.Id, _store.Entries.Keys);
    }

    [Fact]
    public async Task EntryNobodyCanRead_IsDropped()
    {
        _store.Entries["broken"] = "{";

        await RingAsync();

        Assert.DoesNotContain("broken", _store.Entries.Keys);
    }

    [Fact]
    public async Task NoKeyInTime_IsNoAssertion()
    {
        _store.Away = true;
        using var ring = NewRing(_protection);
        var asked = Assertions(ring).OfAsync(Alice, Machine, CancellationToken.None).AsTask();

        _time.Advance(TimeSpan.FromSeconds(3));

        Assert.Null(await asked.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Theory]
    [InlineData("00:00:10", "1.00:00:00", "Identity:AssertionLifetime")]
    [InlineData("00:06:00", "1.00:00:00", "Identity:AssertionLifetime")]
    [InlineData("00:05:00", "00:01:00", "Identity:AssertionKeyLifetime")]
    public void SettingOutOfRange_IsNamed(string lifetime, string keyLifetime, string key)
    {
        var options = new AssertionOptions
        {
            AssertionLifetime = TimeSpan.Parse(lifetime, System.Globalization.CultureInfo.InvariantCulture),
            AssertionKeyLifetime = TimeSpan.Parse(keyLifetime, System.Globalization.CultureInfo.InvariantCulture),
        };

        var faults = new AssertionOptionsValidation().Validate(null, options).Failures!;

        Assert.Contains(key, Assert.Single(faults), StringComparison.Ordinal);
    }

    private AssertionKeyRing NewRing(IDataProtectionProvider protection) =>
        new(_store, protection, Options.Create(new AssertionOptions()), _time, NullLogger<AssertionKeyRing>.Instance);

    private async Task<AssertionKeyRing> RingAsync(IDataProtectionProvider? protection = null)
    {
        var ring = NewRing(protection ?? _protection);
        await ring.LoadAsync(CancellationToken.None);
        return ring;
    }

    private WorkspaceAssertions Assertions(AssertionKeyRing ring) =>
        new(ring, Options.Create(new AssertionOptions()), Options.Create(new IdentityOptions { PublicUrl = "https://gateway.example/" }), _time);

    private static JsonElement Verify(string assertion, IEnumerable<AssertionKey> keys)
    {
        var parts = assertion.Split('.');
        var header = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0])).RootElement;
        Assert.Equal("ES256", header.GetProperty("alg").GetString());
        var key = keys.Single(key => key.Id == header.GetProperty("kid").GetString());
        using var verifier = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Base64Url.DecodeFromChars(key.X), Y = Base64Url.DecodeFromChars(key.Y) },
        });
        Assert.True(verifier.VerifyData(Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256));
        return JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1])).RootElement;
    }

    private sealed class MemoryKeys : IAssertionKeyStore
    {
        public ConcurrentDictionary<string, string> Entries { get; } = new();

        public bool Away { get; set; }

        public Task<IReadOnlyDictionary<string, string>> ReadAsync() => Away
            ? Task.FromException<IReadOnlyDictionary<string, string>>(new TimeoutException())
            : Task.FromResult<IReadOnlyDictionary<string, string>>(new Dictionary<string, string>(Entries));

        public Task AddAsync(string id, string entry)
        {
            Entries.TryAdd(id, entry);
            return Task.CompletedTask;
        }

        public Task RemoveAsync(string id)
        {
            Entries.TryRemove(id, out _);
            return Task.CompletedTask;
        }
    }
}
