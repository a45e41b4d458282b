using System.Net;
using System.Net.Sockets;
using Gateway.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

public sealed class OutageTests
{
    [Fact]
    public async Task StoreAway_SignedInUserGoesOn()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        host.App.Services.GetRequiredService<SignIns>().Unverify();
        host.Store.Reachable = false;

        using var answer = await browser.NavigateAsync("/");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task StoreAway_NobodyIsSentToSignIn()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        host.Store.Reachable = false;

        using var answer = await browser.NavigateAsync("/");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("unknown", answer.Headers.GetValues("Gateway-State").Single());
        Assert.NotNull(answer.Headers.RetryAfter);
    }

    [Fact]
    public async Task StoreAway_UnknownSignInOfAProgram_Is503AndNot401()
    {
        // Room for one sign-in: the later ones push the first out of memory.
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:MaximumBelieved"] = "1" });
        using var browser = host.NewBrowser();
        using var other = host.NewBrowser();
        await browser.FollowAsync("/");
        await other.FollowAsync("/");
        await other.FollowAsync("/.gateway/sign-in");
        host.Store.Reachable = false;

        using var answer = await browser.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/"));

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.ServiceUnavailable, "sign-in-unknown");
        Assert.Equal("unknown", answer.Headers.GetValues("Gateway-State").Single());
    }

    [Fact]
    public async Task StoreAway_BearersGoOn()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(host.Authority.AccessToken());
        host.Store.Reachable = false;

        using var answer = await program.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task ProviderUnreachable_Is503ForAll_AndNoExceptionPage()
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:Authority"] = NobodyThere() });
        using var browser = host.NewBrowser();
        using var program = host.NewProgram(host.Authority.AccessToken());

        using var page = await browser.NavigateAsync("/");
        using var problem = await program.GetAsync("/");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, page.StatusCode);
        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        Assert.Contains("identity provider does not answer", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await ProgramTests.AssertProblemAsync(problem, HttpStatusCode.ServiceUnavailable, "provider-unavailable");
    }

    [Fact]
    public async Task ProviderGoneAfterItWasKnown_BearersGoOn()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(host.Authority.AccessToken());
        using var before = await program.GetAsync("/");

        await host.Authority.DisposeAsync();
        using var after = await program.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
    }

    [Fact]
    public async Task ProviderThatChangesItsKey_IsReadAgain()
    {
        await using var host = await GatewayHost.StartAsync();
        using var before = host.NewProgram(host.Authority.AccessToken());
        using var first = await before.GetAsync("/");
        host.Authority.RotateKey();
        using var after = host.NewProgram(host.Authority.AccessToken());

        // The first token with a new key is what makes the gateway look, so it may come too early.
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            using var answer = await after.GetAsync("/", bound.Token);
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                break;
            }

            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, bound.Token);
        }

        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
    }

    [Fact]
    public async Task NobodyAllowed_RefusesToStart()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = GatewayHost.Build(authority, new MemorySignInStore(), new MemorySessions(), new()
        {
            ["Identity:Allow:Users:0"] = null,
            ["Identity:ClientId"] = "",
        });

        var refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => app.StartAsync());

        Assert.Contains(refusal.Failures, fault => fault.StartsWith("Identity:Allow ", StringComparison.Ordinal));
        Assert.Contains(refusal.Failures, fault => fault.StartsWith("Identity:ClientId ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task FaultsOfSeveralSections_AreAllListed()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = GatewayHost.Build(authority, new MemorySignInStore(), new MemorySessions(), new()
        {
            ["Identity:ClientId"] = "",
            ["Operations:Listen"] = "nowhere",
        });

        var refusal = await Assert.ThrowsAsync<AggregateException>(() => app.StartAsync());

        var faults = refusal.InnerExceptions.Cast<OptionsValidationException>().SelectMany(section => section.Failures).ToList();
        Assert.Contains(faults, fault => fault.StartsWith("Identity:ClientId ", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.StartsWith("Operations:Listen ", StringComparison.Ordinal));
    }

    // Bound and never listened on: connections are refused, and nobody else can take the port meanwhile.
    private static readonly Socket Taken = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    private static string NobodyThere()
    {
        lock (Taken)
        {
            if (!Taken.IsBound)
            {
                Taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            }
        }

        return "http://127.0.0.1:" + ((IPEndPoint)Taken.LocalEndPoint!).Port;
    }
}
