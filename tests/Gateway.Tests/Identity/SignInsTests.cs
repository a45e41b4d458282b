using System.Collections.Concurrent;
using System.Security.Claims;
using Gateway.Identity;
using Gateway.Identity.Refreshing;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Identity;

public sealed class SignInsTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly Store _store = new();
    private readonly SignIns _here;
    private readonly SignIns _other;

    public SignInsTests()
    {
        _here = Replica();
        _other = Replica();
    }

    [Fact]
    public async Task FreshSignIn_IsBelievedWithoutAsking()
    {
        var handle = await _here.StoreAsync(Ticket());

        _time.Advance(TimeSpan.FromSeconds(59));

        Assert.NotNull(await FindAsync(_here, handle));
        Assert.Equal(0, _store.Reads);
    }

    [Fact]
    public async Task SignInOfAnotherReplica_IsReadOnce()
    {
        var handle = await _here.StoreAsync(Ticket());

        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(new UserId("alice"), (await FindAsync(_other, handle))!.Principal.GetUserId());
        }

        Assert.Equal(1, _store.Reads);
    }

    [Fact]
    public async Task SignOutElsewhere_HoldsWithinTheMinute()
    {
        var handle = await _here.StoreAsync(Ticket());
        await FindAsync(_other, handle);
        await _here.RemoveAsync(handle);

        _time.Advance(TimeSpan.FromMinutes(1));

        Assert.Null(await FindAsync(_here, handle));
        Assert.Null(await FindAsync(_other, handle));
    }

    [Fact]
    public async Task Unverified_AsksAtNextUse()
    {
        var handle = await _here.StoreAsync(Ticket());
        await FindAsync(_other, handle);
        await _here.RemoveAsync(handle);

        _other.Unverify();

        Assert.Null(await FindAsync(_other, handle));
    }

    [Fact]
    public async Task SignOutDuringARead_Wins()
    {
        var handle = await _here.StoreAsync(Ticket());
        _store.BeforeAnswer = () => _other.RemoveAsync(handle);

        await FindAsync(_other, handle);
        _store.BeforeAnswer = null;

        Assert.Null(await FindAsync(_other, handle));
    }

    [Fact]
    public async Task StoreAway_BelievesForTheTrustedTime_ThenDoesNotKnow()
    {
        var handle = await _here.StoreAsync(Ticket());
        _store.Away = true;

        _time.Advance(TimeSpan.FromMinutes(10));
        var (trusted, _) = await AskAsync(_here, handle);
        _time.Advance(TimeSpan.FromSeconds(1));
        var (past, unknown) = await AskAsync(_here, handle);

        Assert.NotNull(trusted);
        Assert.Null(past);
        Assert.True(unknown);
    }

    [Fact]
    public async Task StoreAway_IsNotAskedByEveryRequest()
    {
        var handle = await _here.StoreAsync(Ticket());
        _store.Away = true;
        _time.Advance(TimeSpan.FromMinutes(2));

        for (var i = 0; i < 10; i++)
        {
            Assert.NotNull(await FindAsync(_here, handle));
        }

        Assert.Equal(1, _store.Reads);
    }

    [Fact]
    public async Task StoreAway_UnknownHandle_IsUnknownAndNotSignedOut()
    {
        _store.Away = true;

        var (ticket, unknown) = await AskAsync(_here, "never-seen");

        Assert.Null(ticket);
        Assert.True(unknown);
    }

    [Fact]
    public async Task StoreBack_IsBelievedAgain()
    {
        var handle = await _here.StoreAsync(Ticket());
        _store.Away = true;
        _time.Advance(TimeSpan.FromMinutes(11));
        await FindAsync(_here, handle);
        _store.Away = false;

        _time.Advance(TimeSpan.FromSeconds(3));

        Assert.NotNull(await FindAsync(_here, handle));
    }

    [Fact]
    public async Task RenewalWithTheStoreAway_DoesNotSpoilTheAnswer()
    {
        var ticket = Ticket();
        var handle = await _here.StoreAsync(ticket);
        _store.Away = true;

        await _here.RenewAsync(handle, ticket);

        Assert.NotNull(await FindAsync(_here, handle));
    }

    [Fact]
    public async Task RenewalAfterASignOutElsewhere_DoesNotBringItBack()
    {
        var ticket = Ticket();
        var handle = await _here.StoreAsync(ticket);
        await _other.RemoveAsync(handle);

        await _here.RenewAsync(handle, ticket);

        Assert.Null(await FindAsync(_here, handle));
        Assert.Null(await FindAsync(_other, handle));
    }

    [Fact]
    public async Task EndHeardDuringARead_IsReadAgainAtTheNextUse()
    {
        var handle = await _here.StoreAsync(Ticket());
        _store.BeforeAnswer = async () =>
        {
            await _here.RemoveAsync(handle);
            _other.HasEnded(CredentialId.Of("something else"));
        };
        await FindAsync(_other, handle);
        _store.BeforeAnswer = null;

        Assert.Null(await FindAsync(_other, handle));
    }

    [Fact]
    public async Task AbsoluteEnd_HoldsHoweverOftenRenewed()
    {
        var handle = await _here.StoreAsync(Ticket());
        for (var day = 0; day < 7; day++)
        {
            var renewed = (await FindAsync(_here, handle))!;
            Assert.False(_here.HasEnded(renewed.Properties));
            _time.Advance(TimeSpan.FromDays(1));
            renewed.Properties.ExpiresUtc = _time.GetUtcNow() + TimeSpan.FromHours(12);
            await _here.RenewAsync(handle, renewed);
        }

        Assert.True(_here.HasEnded((await FindAsync(_here, handle))!.Properties));
    }

    [Fact]
    public async Task RenewalAfterAChangeElsewhere_KeepsWhatTheProviderSaidLast()
    {
        var handle = await _here.StoreAsync(Ticket());
        var believed = (await FindAsync(_other, handle))!;
        await _here.ChangeClaimsAsync(CredentialId.Of(handle), Said(("groups", "new")));
        believed.Properties.ExpiresUtc = _time.GetUtcNow() + TimeSpan.FromHours(20);

        await _other.RenewAsync(handle, believed);

        var kept = (await FindAsync(_other, handle))!;
        Assert.Equal("new", kept.Principal.FindFirst(UserClaims.Group)!.Value);
        Assert.Equal(_time.GetUtcNow() + TimeSpan.FromHours(20), kept.Properties.ExpiresUtc);
    }

    [Fact]
    public async Task ChangeThatCrossesARenewal_LosesNeither()
    {
        var handle = await _here.StoreAsync(Ticket());
        var renewed = (await FindAsync(_other, handle))!;
        renewed.Properties.ExpiresUtc = _time.GetUtcNow() + TimeSpan.FromHours(20);
        _store.BeforeRewrite = async () =>
        {
            _store.BeforeRewrite = null;
            await _other.RenewAsync(handle, renewed);
        };

        Assert.Equal(ClaimsChange.Changed, await _here.ChangeClaimsAsync(CredentialId.Of(handle), Said(("groups", "new"))));

        var kept = (await FindAsync(_here, handle))!;
        Assert.Equal("new", kept.Principal.FindFirst(UserClaims.Group)!.Value);
        Assert.Equal(_time.GetUtcNow() + TimeSpan.FromHours(20), kept.Properties.ExpiresUtc);
    }

    [Fact]
    public async Task ChangedClaims_AreReadByAReplicaThatIsTold_AndKeepWhenTheySignedIn()
    {
        var handle = await _here.StoreAsync(Ticket());
        var id = CredentialId.Of(handle);
        var before = (await FindAsync(_other, handle))!.Principal;
        _time.Advance(TimeSpan.FromSeconds(10));

        await _here.ChangeClaimsAsync(id, Said(("groups", "new"), ("iat", "1893456999")));
        _other.Unverify(id);

        var now = (await FindAsync(_other, handle))!.Principal;
        Assert.Equal([id], _store.Told);
        Assert.Equal("new", now.FindFirst(UserClaims.Group)!.Value);
        Assert.Equal(before.FindFirst(UserClaims.Issued)!.Value, now.FindFirst(UserClaims.Issued)!.Value);
        Assert.Equal(id, now.FindFirst(UserClaims.Credential)!.Value);
        Assert.Equal(IdentitySchemes.Cookie, now.Identity!.AuthenticationType);
    }

    [Fact]
    public async Task SignOutHeardBeforeARenewalIsAnswered_IsNotUndoneByIt()
    {
        var ticket = Ticket();
        var handle = await _here.StoreAsync(ticket);
        _store.AfterRewrite = () =>
        {
            _store.AfterRewrite = null;
            _other.RemoveAsync(handle).GetAwaiter().GetResult();
            _here.HasEnded(CredentialId.Of(handle));
        };

        await _here.RenewAsync(handle, ticket);

        Assert.Null(await FindAsync(_here, handle));
    }

    [Fact]
    public async Task ChangeHeardBeforeARenewalIsAnswered_IsReadAtTheNextUse()
    {
        var ticket = Ticket();
        var handle = await _here.StoreAsync(ticket);
        _store.AfterRewrite = () =>
        {
            _store.AfterRewrite = null;
            _other.ChangeClaimsAsync(CredentialId.Of(handle), Said(("groups", "new"))).GetAwaiter().GetResult();
            _here.Unverify(CredentialId.Of(handle));
        };

        await _here.RenewAsync(handle, ticket);

        Assert.Equal("new", (await FindAsync(_here, handle))!.Principal.FindFirst(UserClaims.Group)?.Value);
    }

    [Fact]
    public async Task ClaimsThatALaterTokenLeavesOut_StayIfTheySayWhoItIs_AndGoIfTheySayWhatTheyMay()
    {
        var handle = await _here.StoreAsync(Ticket(("name", "Alice"), ("email", "alice@example.com"), ("groups", "staff"), ("role", "operator")));

        await _here.ChangeClaimsAsync(CredentialId.Of(handle), Said());

        var now = (await FindAsync(_here, handle))!.Principal;
        Assert.Equal(("Alice", "alice@example.com"), (now.FindFirst(UserClaims.Name)?.Value, now.FindFirst(UserClaims.Email)?.Value));
        Assert.Null(now.FindFirst(UserClaims.Group) ?? now.FindFirst(UserClaims.Role));
    }

    [Fact]
    public async Task AddressThatTheProviderCallsUnverifiedNow_CountsNoMore()
    {
        var handle = await _here.StoreAsync(Ticket(("email", "alice@example.com")));

        await _here.ChangeClaimsAsync(CredentialId.Of(handle), Said(("email", "alice@example.com"), ("email_verified", "false")));

        Assert.Null((await FindAsync(_here, handle))!.Principal.FindFirst(UserClaims.Email));
    }

    [Fact]
    public async Task LaterTokenThatNamesNobody_ChangesNothing()
    {
        var handle = await _here.StoreAsync(Ticket(("groups", "staff")));

        Assert.Equal(ClaimsChange.Nobody, await _here.ChangeClaimsAsync(CredentialId.Of(handle), new ClaimsPrincipal(new ClaimsIdentity([new Claim("groups", "new")], "test"))));

        Assert.Equal("staff", (await FindAsync(_here, handle))!.Principal.FindFirst(UserClaims.Group)!.Value);
    }

    [Fact]
    public async Task SameClaims_AreNotWritten_AndNobodyIsTold()
    {
        var handle = await _here.StoreAsync(Ticket());
        _store.BeforeRewrite = static () => throw new InvalidOperationException("written");

        Assert.Equal(ClaimsChange.None, await _here.ChangeClaimsAsync(CredentialId.Of(handle), Said(("exp", "1893459999"))));

        Assert.Empty(_store.Told);
    }

    [Fact]
    public async Task ClaimsOfAnotherUser_AreNotTaken()
    {
        var handle = await _here.StoreAsync(Ticket());
        var other = new ClaimsPrincipal(new ClaimsIdentity([new Claim("sub", "bob")], "test"));

        Assert.Equal(ClaimsChange.AnotherUser, await _here.ChangeClaimsAsync(CredentialId.Of(handle), other));

        Assert.Equal(new UserId("alice"), (await FindAsync(_here, handle))!.Principal.GetUserId());
    }

    [Fact]
    public async Task ChangeAfterASignOut_DoesNotBringItBack()
    {
        var handle = await _here.StoreAsync(Ticket());
        await _other.RemoveAsync(handle);

        await _here.ChangeClaimsAsync(CredentialId.Of(handle), Said(("groups", "new")));

        Assert.Null(await FindAsync(_here, handle));
        Assert.Empty(_store.Told);
    }

    [Fact]
    public void TicketWithoutAnEnd_HasEnded() => Assert.True(_here.HasEnded(new AuthenticationProperties()));

    [Fact]
    public async Task Memory_IsBounded()
    {
        for (var i = 0; i < 500; i++)
        {
            await _here.StoreAsync(Ticket());
        }

        Assert.InRange(_here.Believed, 1, 101);
    }

    [Fact]
    public async Task Handles_AreLongAndNeverTheSame()
    {
        var handles = new HashSet<string>();
        for (var i = 0; i < 100; i++)
        {
            handles.Add(await _here.StoreAsync(Ticket()));
        }

        Assert.Equal(100, handles.Count);
        Assert.All(handles, handle => Assert.Equal(43, handle.Length));
    }

    private static async Task<AuthenticationTicket?> FindAsync(SignIns signIns, string handle) => (await AskAsync(signIns, handle)).Ticket;

    private static async Task<(AuthenticationTicket? Ticket, bool Unknown)> AskAsync(SignIns signIns, string handle)
    {
        var context = new DefaultHttpContext();
        var ticket = await signIns.RetrieveAsync(handle, context, CancellationToken.None);
        return (ticket, context.Features.Get<CredentialUnknown>() is not null);
    }

    private SignIns Replica() =>
        new(_store, Tokens(), _time, Options.Create(new IdentityOptions { MaximumBelieved = 100 }), NullLogger<SignIns>.Instance);

    private RefreshTokens Tokens() => new(new NoRefreshStore(), new EphemeralDataProtectionProvider(), Options.Create(new IdentityOptions()), _time);

    private AuthenticationTicket Ticket(params (string Type, string Value)[] claims)
    {
        var token = Said(claims);
        var properties = new AuthenticationProperties { ExpiresUtc = _time.GetUtcNow() + TimeSpan.FromHours(12) };
        return new AuthenticationTicket(UserClaims.From(token, new IdentityOptions(), IdentitySchemes.Cookie)!, properties, IdentitySchemes.Cookie);
    }

    private static ClaimsPrincipal Said(params (string Type, string Value)[] claims) =>
        new(new ClaimsIdentity([new Claim("sub", "alice"), .. claims.Select(static claim => new Claim(claim.Type, claim.Value))], "test"));

    private sealed class NoRefreshStore : IRefreshStore
    {
        public Task WriteAsync(string id, byte[] token, DateTimeOffset due, TimeSpan lifetime) => throw new InvalidOperationException("No provider gave a token.");

        public Task<IReadOnlyList<string>> ClaimAsync(int most, DateTimeOffset now, DateTimeOffset leaseEnds) => Task.FromResult<IReadOnlyList<string>>([]);

        public Task<byte[]?> ReadAsync(string id) => Task.FromResult<byte[]?>(null);

        public Task<bool> ReplaceAsync(string id, byte[] sent, byte[] given) => Task.FromResult(false);

        public Task SettleAsync(string id, DateTimeOffset due) => Task.CompletedTask;

        public Task ForgetAsync(string id) => Task.CompletedTask;
    }

    private sealed class Store : ISignInStore
    {
        private readonly ConcurrentDictionary<string, byte[]> _signIns = new();

        public bool Away { get; set; }

        public int Reads { get; private set; }

        public ConcurrentQueue<string> Told { get; } = new();

        /// <summary>Runs when something was written anew and before that is answered.</summary>
        public Action? AfterRewrite { get; set; }

        /// <summary>Runs when something is to be written anew and before it is.</summary>
        public Func<Task>? BeforeRewrite { get; set; }

        /// <summary>Runs after the value was read and before it is answered.</summary>
        public Func<Task>? BeforeAnswer { get; set; }

        public Task<IReadOnlyList<string>> GroupAsync(string group) => Task.FromResult<IReadOnlyList<string>>([]);

        public async Task<bool> RewriteAsync(string id, byte[] before, byte[] signIn, TimeSpan lifetime, bool tells)
        {
            ThrowIfAway();
            await (BeforeRewrite?.Invoke() ?? Task.CompletedTask);
            var written = _signIns.TryGetValue(id, out var now) && now.AsSpan().SequenceEqual(before) && _signIns.TryUpdate(id, signIn, now);
            if (written && tells)
            {
                Told.Enqueue(id);
            }

            AfterRewrite?.Invoke();
            return written;
        }

        public Task WriteAsync(string id, byte[] signIn, TimeSpan lifetime, IReadOnlyList<string> groups)
        {
            ThrowIfAway();
            _signIns[id] = signIn;
            return Task.CompletedTask;
        }

        public async Task<byte[]?> ReadAsync(string id)
        {
            Reads++;
            ThrowIfAway();
            var value = _signIns.GetValueOrDefault(id);
            await (BeforeAnswer?.Invoke() ?? Task.CompletedTask);
            return value;
        }

        public Task RemoveAsync(string id)
        {
            ThrowIfAway();
            _signIns.TryRemove(id, out _);
            return Task.CompletedTask;
        }

        public Task<bool> IsReachableAsync() => Task.FromResult(!Away);

        private void ThrowIfAway()
        {
            if (Away)
            {
                throw new SignInStoreUnavailableException("away");
            }
        }
    }
}
