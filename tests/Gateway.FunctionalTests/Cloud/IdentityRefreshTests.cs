using System.Net;
using Gateway.FunctionalTests.Identity;
using Gateway.Identity.Refreshing;
using LocalCloud.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.FunctionalTests.Cloud;

/// <summary>The gateway asks a complete provider again about who is signed in.</summary>
public sealed class IdentityRefreshTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly string _folder = Directory.CreateTempSubdirectory("identity-").FullName;
    private IdentityProvider _provider = null!;
    private GatewayHost _host = null!;

    public async Task InitializeAsync()
    {
        _provider = await StartProviderAsync(0, _folder);
        _host = await GatewayHost.StartAsync(new() { ["Identity:Authority"] = _provider.Authority.AbsoluteUri.TrimEnd('/'), ["Identity:Scopes"] = "openid profile email offline_access" }, _time, rounds: false);
    }

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        await _provider.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task SignInOfTheLocalCloud_IsConfirmedHourAfterHour()
    {
        using var browser = await SignInAsync("alice");
        for (var hour = 0; hour < 3; hour++)
        {
            await AskAgainAsync();
            Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
        }

        Assert.DoesNotContain(_host.Store.Log, static line => line.Contains("could not be confirmed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ProviderThatLostItsKeys_VouchesForNobody()
    {
        using var browser = await SignInAsync("alice");
        await _provider.DisposeAsync();
        _provider = await StartProviderAsync(_provider.Authority.Port, Path.Combine(_folder, "new"));

        await AskAgainAsync();

        Assert.Equal(HttpStatusCode.Redirect, (await browser.NavigateAsync("/")).StatusCode);
        Assert.Contains(_host.Store.Log, static line => line.Contains("invalid_grant", StringComparison.Ordinal));
    }

    private Task<IdentityProvider> StartProviderAsync(int port, string folder) => IdentityProvider.StartAsync(new IdentityProviderOptions
    {
        Port = port,
        Folder = Directory.CreateDirectory(folder).FullName,
        Clients = [new IdentityClient(TestAuthority.ClientId, TestAuthority.ClientSecret)],
        Time = _time,
    });

    private async Task AskAgainAsync()
    {
        _time.Advance(TimeSpan.FromMinutes(67));
        await _host.App.Services.GetRequiredService<RefreshRounds>().RefreshDueAsync(CancellationToken.None).WaitAsync(Eventually.Limit);
    }

    private async Task<Browser> SignInAsync(string name)
    {
        var browser = _host.NewBrowser();
        using var atProvider = new Browser(_provider.Authority);
        using var sent = await browser.NavigateAsync("/");
        using var asked = await atProvider.NavigateAsync(sent.Headers.Location!, "cross-site");
        var page = new Uri(_provider.Authority, asked.Headers.Location!);
        using var named = await atProvider.SubmitAsync("/sign-in", new() { ["name"] = name, ["return"] = BrowserSignIn.QueryOf(page, "return")! });
        using var back = await atProvider.NavigateAsync(new Uri(_provider.Authority, named.Headers.Location!));
        using var signedIn = await browser.NavigateAsync(back.Headers.Location!, "cross-site");
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
        return browser;
    }
}
