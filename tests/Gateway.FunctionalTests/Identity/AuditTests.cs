using System.Net.Http.Json;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

/// <summary>What is written down of who did what, and what never is.</summary>
public sealed class AuditTests
{
    [Fact]
    public async Task SignInsTokensRefusalsAndOperators_AreEvents_WithActorTargetReasonAndSource()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        var token = await TokenTests.MakeAsync(browser, "laptop");
        using var stranger = host.NewProgram(host.Authority.AccessToken("mallory"));
        await stranger.GetAsync("/?secret=fake-query-secret");
        using var operators = host.NewProgram(AccessTests.TokenWithRole(host, "operator"), host.OperationsUrl);
        await operators.PutAsJsonAsync("/api/users/mallory/access", new { access = "deny", reason = "trespassing" });
        await operators.PostAsync("/api/routes/mallory/kick", null);
        await browser.NavigateAsync("/.gateway/sign-out", "same-origin");

        var log = host.Store.Log.Where(static line => line.StartsWith("Gateway.Identity.Audit:", StringComparison.Ordinal)).ToList();

        AssertEvent(log, "alice signed in from 127.0.0.1");
        AssertEvent(log, "alice made the access token laptop from 127.0.0.1");
        AssertEvent(log, "mallory from 127.0.0.1 was refused: not-allowed");
        AssertEvent(log, "Operator ops from 127.0.0.1: PUT /api/users/{user}/access on mallory was answered 200 (deny: trespassing)");
        AssertEvent(log, "Operator ops from 127.0.0.1: POST /api/routes/{id}/kick on mallory was answered 202");
        AssertEvent(log, "alice signed out from 127.0.0.1");
        var all = string.Join('\n', host.Store.Log);
        Assert.DoesNotContain(token, all, StringComparison.Ordinal);
        Assert.DoesNotContain("fake-query-secret", all, StringComparison.Ordinal);
    }

    private static void AssertEvent(List<string> log, string text) => Assert.Contains(log, line => line.Contains(text, StringComparison.Ordinal));
}
