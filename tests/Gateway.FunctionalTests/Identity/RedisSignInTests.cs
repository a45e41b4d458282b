using System.Net;
using Gateway.Identity;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

public sealed class RedisSignInTests
{
    [Fact]
    public async Task SignIn_HoldsOnEveryReplica()
    {
        await using var redis = await RedisProcess.StartAsync();
        await using var connection = await redis.ConnectAsync();
        await using var one = await GatewayHost.StartAsync(redis: connection);
        await using var two = await GatewayHost.StartAsync(redis: connection, sharedAuthority: one.Authority);
        using var browser = one.NewBrowser();
        await browser.FollowAsync("/");

        using var answer = await browser.NavigateAsync(two.PublicUrl);

        Assert.Equal("workspace of alice", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task RedisGone_SignedInGoOn_StrangersAreNotSentToSignIn()
    {
        await using var redis = await RedisProcess.StartAsync();
        await using var connection = await redis.ConnectAsync();
        await using var host = await GatewayHost.StartAsync(redis: connection);
        using var known = host.NewBrowser();
        using var stranger = host.NewBrowser();
        await known.FollowAsync("/");

        redis.Kill();
        await RedisProcess.UntilAsync(() => !connection.IsConnected);
        using var stillIn = await known.NavigateAsync("/");
        using var refused = await stranger.NavigateAsync("/");

        Assert.Equal(HttpStatusCode.OK, stillIn.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("unknown", refused.Headers.GetValues("Gateway-State").Single());
    }

    [Fact]
    public async Task RedisGoneBeforeAReplicaSawTheSignIn_Is503AndNotSignedOut()
    {
        await using var redis = await RedisProcess.StartAsync();
        await using var connection = await redis.ConnectAsync();
        await using var one = await GatewayHost.StartAsync(redis: connection);
        using var browser = one.NewBrowser();
        await browser.FollowAsync("/");
        redis.Kill();
        await RedisProcess.UntilAsync(() => !connection.IsConnected);
        await using var two = await GatewayHost.StartAsync(redis: connection, sharedAuthority: one.Authority);

        using var page = await browser.NavigateAsync(two.PublicUrl);
        using var program = two.NewProgram();
        program.DefaultRequestHeaders.Add("Cookie", browser.Cookies.GetCookieHeader(one.PublicUrl));
        using var problem = await program.GetAsync("/");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, page.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, problem.StatusCode);
    }

    [Fact]
    public async Task StoredSignIn_IsUnderAHash_AndEndsByItself()
    {
        await using var redis = await RedisProcess.StartAsync();
        await using var connection = await redis.ConnectAsync();
        var store = new RedisSignInStore(
            new IdentityCalls(() => connection.GetDatabase(), GatewayHost.Keys, TimeProvider.System), Microsoft.Extensions.Options.Options.Create(new IdentityOptions()), TimeProvider.System);
        var id = CredentialId.Of("the-handle");

        await store.WriteAsync(id, [1, 2, 3], TimeSpan.FromHours(1), []);

        Assert.Equal([1, 2, 3], await store.ReadAsync(id));
        Assert.Null(await store.ReadAsync(CredentialId.Of("another-handle")));
        var key = ((string[]?)await connection.GetDatabase().ScriptEvaluateAsync("return redis.call('keys', '*')"))!.Single();
        Assert.StartsWith("{gateway}:sign-in:", key, StringComparison.Ordinal);
        Assert.DoesNotContain("the-handle", key, StringComparison.Ordinal);
        Assert.InRange((await connection.GetDatabase().KeyTimeToLiveAsync(key))!.Value, TimeSpan.FromMinutes(50), TimeSpan.FromHours(1));
        Assert.False(await store.RewriteAsync(id, [3, 2, 1], [4], TimeSpan.FromHours(1), tells: false));
        Assert.True(await store.RewriteAsync(id, [1, 2, 3], [5], TimeSpan.FromHours(1), tells: false));
        Assert.Equal([5], await store.ReadAsync(id));
        await store.RemoveAsync(id);
        Assert.Null(await store.ReadAsync(id));
        Assert.False(await store.RewriteAsync(id, [1, 2, 3], [4], TimeSpan.FromHours(1), tells: false));
        Assert.Null(await store.ReadAsync(id));
    }
}
