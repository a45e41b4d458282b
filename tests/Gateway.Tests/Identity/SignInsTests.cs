using System.Collections.Concurrent;
using System.Security.Claims;
using Gateway.Identity;
using Microsoft.AspNetCore.Authentication;
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
        new(_store, _time, Options.Create(new IdentityOptions { MaximumBelieved = 100 }), NullLogger<SignIns>.Instance);

    private AuthenticationTicket Ticket()
    {
        var token = new ClaimsPrincipal(new ClaimsIdentity([new Claim("sub", "alice")], "test"));
        var properties = new AuthenticationProperties { ExpiresUtc = _time.GetUtcNow() + TimeSpan.FromHours(12) };
        return new AuthenticationTicket(UserClaims.From(token, new IdentityOptions(), IdentitySchemes.Cookie)!, properties, IdentitySchemes.Cookie);
    }

    private sealed class Store : ISignInStore
    {
        private readonly ConcurrentDictionary<string, byte[]> _signIns = new();

        public bool Away { get; set; }

        public int Reads { get; private set; }

        /// <summary>Runs after the value was read and before it is answered.</summary>
        public Func<Task>? BeforeAnswer { get; set; }

        public Task<bool> RewriteAsync(string id, byte[] signIn, TimeSpan lifetime)
        {
            ThrowIfAway();
            return Task.FromResult(_signIns.TryGetValue(id, out var before) && _signIns.TryUpdate(id, signIn, before));
        }

        public Task WriteAsync(string id, UserId user, byte[] signIn, TimeSpan lifetime)
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
