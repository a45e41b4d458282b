using Xunit;

namespace Gateway.FunctionalTests.Identity;

public sealed class SecrecyTests
{
    [Fact]
    public async Task Logs_HoldNoCredential_OfGoodAndOfBadRequests()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        using var toProvider = await browser.NavigateAsync("/files?secret=fake-query-secret");
        using var back = await browser.NavigateAsync(toProvider.Headers.Location!);
        var callback = back.Headers.Location!;
        using var signedIn = await browser.NavigateAsync(callback, "cross-site");
        using var replayed = await browser.NavigateAsync(callback, "cross-site");
        var good = host.Authority.AccessToken();
        var expired = host.Authority.AccessToken(endsIn: -TimeSpan.FromHours(1));
        foreach (var token in new[] { good, expired, "fake-token-for-tests" })
        {
            using var program = host.NewProgram(token);
            using var answer = await program.GetAsync("/?secret=fake-query-secret");
        }

        var cookie = browser.Cookies.GetCookieHeader(host.PublicUrl).Split("gateway=")[1];
        using var signedOut = await browser.NavigateAsync("/.gateway/sign-out", "same-origin");

        var log = string.Join('\n', host.Store.Log);
        Assert.Contains("signed in", log, StringComparison.Ordinal);
        var secrets = new[] { cookie, good, expired, "fake-token-for-tests", "fake-query-secret", TestAuthority.ClientSecret, "fake-access-token", Parameter(callback, "code"), Parameter(callback, "state") };
        Assert.All(secrets, secret => Assert.DoesNotContain(secret, log, StringComparison.Ordinal));
    }

    private static string Parameter(Uri url, string name) => url.Query.Split(name + "=")[1].Split('&')[0];
}
