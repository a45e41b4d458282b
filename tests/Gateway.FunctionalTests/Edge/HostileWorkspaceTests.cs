using Microsoft.Playwright;
using Xunit;

namespace Gateway.FunctionalTests.Edge;

/// <summary>What a workspace gains by turning hostile, with its user's browser, a real one, in its hands: nothing that docs/security.md does not admit.</summary>
public sealed class HostileWorkspaceTests
{
    [Fact]
    public async Task WorkspaceThatReadsAllItIsSent_SeesNoCookieOfTheGateways_NorDoesItsScript()
    {
        await using var hostile = await HostileWorkspace.StartAsync();
        var cookie = await hostile.SignInCookieAsync();

        await hostile.Page.EvaluateAsync("() => fetch('/all', { method: 'POST', body: 'x', credentials: 'include' }).then(answer => answer.text())");

        Assert.Contains(hostile.Seen, static header => header.StartsWith("Gateway-Assertion: ", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(hostile.Seen, header => header.Contains(cookie, StringComparison.Ordinal));
        Assert.DoesNotContain(hostile.Seen, header => header.Contains(hostile.Cloud.TokenOf("alice").Split('.')[0], StringComparison.Ordinal) && header.StartsWith("Authorization", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain("gateway", await hostile.Page.EvaluateAsync<string>("() => document.cookie"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WorkspaceThatSetsTheGatewaysCookie_ChangesNothing()
    {
        await using var hostile = await HostileWorkspace.StartAsync();
        var cookie = await hostile.SignInCookieAsync();

        await hostile.Page.GotoAsync(new Uri(hostile.Gateway.Url, "/cookie").ToString());

        Assert.Equal("own=1", await hostile.Page.EvaluateAsync<string>("() => document.cookie"));
        Assert.Equal(cookie, await hostile.SignInCookieAsync());
        Assert.Equal("alice", await hostile.UserAsync());
    }

    [Fact]
    public async Task AnswersThatSteerThePlatform_ReachNoProxy()
    {
        await using var hostile = await HostileWorkspace.StartAsync();

        var steered = await hostile.Page.GotoAsync(new Uri(hostile.Gateway.Url, "/steer").ToString());
        var ordered = await hostile.Page.EvaluateAsync<string>("() => fetch('/order').then(async answer => answer.status + ' ' + await answer.text())");

        Assert.Equal(200, steered!.Status);
        Assert.DoesNotContain(await steered.HeadersArrayAsync(), static header => header.Name.StartsWith("fly-replay", StringComparison.OrdinalIgnoreCase));
        Assert.StartsWith("502 ", ordered, StringComparison.Ordinal);
        Assert.DoesNotContain("00bb33ff", ordered, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PageThatAsksForATokenWithItsUsersCookie_IsGivenNone()
    {
        await using var hostile = await HostileWorkspace.StartAsync();

        var answer = await hostile.Page.EvaluateAsync<string>(
            """
            async () => {
              const page = await (await fetch('/.gateway/tokens')).text();
              const form = new DOMParser().parseFromString(page, 'text/html').querySelector('input[name=form]')?.value ?? '';
              const answer = await fetch('/.gateway/tokens', { method: 'POST', body: new URLSearchParams({ form, label: 'stolen', days: '30' }) });
              const url = answer.headers.get('Refresh')?.split('url=')[1];
              if (url) {
                await fetch(url, { mode: 'no-cors', credentials: 'include' }).catch(() => { });
              }
              return (await answer.text()) + (await (await fetch('/.gateway/tokens')).text());
            }
            """);

        Assert.Contains("<!doctype html>", answer, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotMatch("mjd_[A-Za-z0-9_-]{49}", answer);
        Assert.DoesNotContain("stolen", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PageThatSendsItsUserForATokenByAForm_EndsWithoutOne()
    {
        await using var hostile = await HostileWorkspace.StartAsync();

        // By way of the gateway's own page and the provider, back to where it is refused.
        var back = await hostile.Page.RunAndWaitForResponseAsync(() => hostile.Page.EvaluateAsync(
            """
            async () => {
              const page = await (await fetch('/.gateway/tokens')).text();
              const field = new DOMParser().parseFromString(page, 'text/html').querySelector('input[name=form]')?.value ?? '';
              const form = document.createElement('form');
              form.method = 'post';
              form.action = '/.gateway/tokens';
              for (const [name, value] of Object.entries({ form: field, label: 'stolen', days: '30' })) {
                const input = document.createElement('input');
                input.name = name;
                input.value = value;
                form.append(input);
              }
              document.body.append(form);
              setTimeout(() => form.submit());
            }
            """),
            static answer => answer.Url.Contains("/.gateway/callback", StringComparison.Ordinal));
        await back.FinishedAsync();

        Assert.Equal(403, back.Status);
        await hostile.Page.GotoAsync(new Uri(hostile.Gateway.Url, "/.gateway/tokens").ToString());
        Assert.DoesNotContain("stolen", await hostile.Page.ContentAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task PageThatApprovesADeviceForItsUser_LeavesItPending()
    {
        await using var hostile = await HostileWorkspace.StartAsync();

        var answer = await hostile.Page.EvaluateAsync<string>(
            """
            async () => {
              const codes = await (await fetch('/.gateway/device/code', { method: 'POST', body: new URLSearchParams({ client_id: 'terminal' }) })).json();
              const page = await (await fetch('/.gateway/device?user_code=' + codes.user_code)).text();
              const form = new DOMParser().parseFromString(page, 'text/html').querySelector('input[name=form]')?.value ?? '';
              await fetch('/.gateway/device', { method: 'POST', body: new URLSearchParams({ form, user_code: codes.user_code, decision: 'approve' }) });
              const poll = await fetch('/.gateway/device/token', { method: 'POST',
                body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: codes.device_code }) });
              return (await poll.json()).error;
            }
            """);

        Assert.Equal("authorization_pending", answer);
    }

    [Theory]
    [InlineData("/.gateway/tokens")]
    [InlineData("/.gateway/device")]
    [InlineData("/.gateway/signed-out")]
    public async Task PageOfTheGatewayInAFrame_IsNotShown_AndCannotBeClicked(string path)
    {
        await using var hostile = await HostileWorkspace.StartAsync();

        var buttons = await hostile.Page.EvaluateAsync<int>(
            """
            path => new Promise(end => {
              const frame = document.createElement('iframe');
              frame.onload = frame.onerror = () => {
                let buttons = 0;
                try { buttons = frame.contentDocument?.querySelectorAll('button, a, form, main').length ?? 0; } catch { }
                end(buttons);
              };
              frame.src = path;
              document.body.append(frame);
            })
            """,
            path);

        Assert.Equal(0, buttons);
    }

    [Fact]
    public async Task PageThatOpensTheTokensPageInAWindow_CannotReachIntoIt()
    {
        await using var hostile = await HostileWorkspace.StartAsync();
        await hostile.Page.EvaluateAsync("() => addEventListener('click', () => { window.opened = window.open('/.gateway/tokens'); })");

        var window = await hostile.Page.RunAndWaitForPopupAsync(() => hostile.Page.Mouse.ClickAsync(10, 10));
        await window.WaitForSelectorAsync("input[name=form]", new() { State = WaitForSelectorState.Attached });

        Assert.False(await hostile.Page.EvaluateAsync<bool>(
            "() => { try { return window.opened.document.querySelector('input[name=form]') !== null; } catch { return false; } }"));
        Assert.True(await window.EvaluateAsync<bool>("() => window.opener === null"));
    }

    [Fact]
    public async Task ServiceWorkerOfAFolder_WithAScopeOfTheWholeOrigin_IsRefused_AndSeesNothingOfTheGateways()
    {
        await using var hostile = await HostileWorkspace.StartAsync();

        Assert.Equal("refused", await RegisterAsync(hostile.Page, "/deep/worker.js", "/"));
        Assert.Equal("refused", await RegisterAsync(hostile.Page, "/deep/worker.js", "/.gateway/"));
        Assert.Equal("registered", await RegisterAsync(hostile.Page, "/deep/worker.js", "/deep/"));

        Assert.Equal("alice", await hostile.UserAsync());
        var page = await hostile.Page.GotoAsync(new Uri(hostile.Gateway.Url, "/.gateway/tokens").ToString());
        Assert.False(page!.FromServiceWorker);
        Assert.DoesNotContain("of the worker", await hostile.Page.ContentAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServiceWorkerOfAFolder_DoesNotOutliveSignOut()
    {
        await using var hostile = await HostileWorkspace.StartAsync();
        Assert.Equal("registered", await RegisterAsync(hostile.Page, "/deep/worker.js", "/deep/"));

        await hostile.Page.EvaluateAsync("() => fetch('/.gateway/sign-out', { method: 'POST', redirect: 'manual' })");
        await hostile.Page.GotoAsync(new Uri(hostile.Gateway.Url, "/.gateway/sign-out").ToString());

        await Eventually.HoldsAsync(async () => await hostile.Page.EvaluateAsync<int>("() => navigator.serviceWorker.getRegistrations().then(all => all.length)") == 0);
    }

    private static Task<string> RegisterAsync(IPage page, string script, string scope) => page.EvaluateAsync<string>(
        "([script, scope]) => navigator.serviceWorker.register(script, { scope }).then(() => 'registered', () => 'refused')", new[] { script, scope });
}
