using System.Collections.Concurrent;
using Gateway.FunctionalTests.Cloud;
using Gateway.FunctionalTests.Workspaces;
using Microsoft.AspNetCore.Http;
using Microsoft.Playwright;
using Xunit;

namespace Gateway.FunctionalTests.Edge;

/// <summary>
/// A workspace that has turned on its user and on the gateway, behind a gateway, with its user signed in before it in a real browser. It keeps all headers it
/// is sent; its pages and answers try what docs/security.md lists.
/// </summary>
internal sealed class HostileWorkspace : IAsyncDisposable
{
    private readonly RunningBrowser _browser;

    private HostileWorkspace(GatewayEnvironment cloud, RunningGateway gateway, RunningBrowser browser, IPage page, ConcurrentQueue<string> seen) =>
        (Cloud, Gateway, _browser, Page, Seen) = (cloud, gateway, browser, page, seen);

    public GatewayEnvironment Cloud { get; }

    public RunningGateway Gateway { get; }

    /// <summary>The user's page, which shows what the workspace made of it.</summary>
    public IPage Page { get; }

    /// <summary>Every header the workspace was sent, as name and value.</summary>
    public ConcurrentQueue<string> Seen { get; }

    /// <summary>The gateway as the browser sees it: another host name than the port's own if credentials have an origin of theirs.</summary>
    public Uri Origin { get; private init; } = null!;

    /// <summary>Where credentials are, of the same site as <see cref="Origin"/>; null: at the same.</summary>
    public Uri? Credentials { get; private init; }

    public static Task<HostileWorkspace> StartAsync() => StartAsync(null, null);

    /// <summary>Behind a gateway whose credentials have an origin of their own, at a sibling host.</summary>
    public static Task<HostileWorkspace> StartBesideCredentialsAsync()
    {
        var port = FreePorts.Take();
        return StartAsync(new Uri($"http://work.example.localhost:{port}"), new Uri($"http://account.example.localhost:{port}"));
    }

    private static async Task<HostileWorkspace> StartAsync(Uri? origin, Uri? credentials)
    {
        var seen = new ConcurrentQueue<string>();
        var cloud = await GatewayEnvironment.StartAsync(options => options.Answer = context => AnswerAsync(context, seen));
        var gateway = await (origin is null || credentials is null ? cloud.StartGatewayAsync() : cloud.StartGatewayAsync(
            ("Proxying:Listen", $"http://127.0.0.1:{origin.Port}"), ("Identity:PublicUrl", origin.GetLeftPart(UriPartial.Authority)), ("Identity:Origin", credentials.GetLeftPart(UriPartial.Authority))));
        using (var program = gateway.ClientOf("alice"))
        {
            // Awake before the browser comes: it is shown the workspace and no waiting page.
            (await program.GetAsync("/")).EnsureSuccessStatusCode();
        }

        var browser = await RunningBrowser.StartAsync();
        var page = await browser.OpenAsync();
        await page.GotoAsync(new Uri(origin ?? gateway.Url, "/").ToString());
        Assert.Equal("hostile", await page.TitleAsync());

        // From now on nobody is there to sign in anew: a provider that is asked to have the person do so only says when they last did.
        cloud.Authority.SignedInAt = static () => TimeProvider.System.GetUtcNow().AddHours(-1);
        return new HostileWorkspace(cloud, gateway, browser, page, seen) { Origin = origin ?? gateway.Url, Credentials = credentials };
    }

    /// <summary>What the browser keeps under the gateway's own name.</summary>
    public async Task<string> SignInCookieAsync() =>
        (await Page.Context.CookiesAsync([Gateway.Url.ToString()])).Single(static cookie => cookie is { Name: "gateway", HttpOnly: true }).Value;

    /// <summary>Whom the gateway takes the browser for.</summary>
    public Task<string> UserAsync() => Page.EvaluateAsync<string>("() => fetch('/.gateway/me').then(answer => answer.json()).then(me => me.user)");

    public async ValueTask DisposeAsync()
    {
        await using (Cloud)
        {
            await _browser.DisposeAsync();
        }
    }

    private static async Task<bool> AnswerAsync(HttpContext context, ConcurrentQueue<string> seen)
    {
        foreach (var (name, value) in context.Request.Headers)
        {
            seen.Enqueue($"{name}: {value}");
        }

        var headers = context.Response.Headers;
        switch (context.Request.Path.Value)
        {
            case "/steer":
                headers["fly-replay"] = "instance=00bb33ff";
                headers["fly-replay-cache"] = "/*";
                break;
            case "/order":
                context.Response.ContentType = "application/vnd.fly.replay+json";
                await context.Response.WriteAsync("""{"instance":"00bb33ff"}""");
                return true;
            case "/cookie":
                headers.Append("Set-Cookie", "gateway=evil; Path=/; HttpOnly; SameSite=Lax");
                headers.Append("Set-Cookie", "gateway=; Path=/; Max-Age=0");
                headers.Append("Set-Cookie", "GATEWAY=evil; Path=/; HttpOnly; SameSite=Lax");
                headers.Append("Set-Cookie", "gateway.form=evil; Path=/");
                headers.Append("Set-Cookie", "own=1; Path=/");
                break;
            case "/deep/worker.js":
                headers["Service-Worker-Allowed"] = "/";
                context.Response.ContentType = "text/javascript";
                await context.Response.WriteAsync("self.addEventListener('fetch', event => event.respondWith(new Response('of the worker')));");
                return true;
        }

        context.Response.ContentType = "text/html";
        await context.Response.WriteAsync("<!doctype html><title>hostile</title><body>");
        return true;
    }
}
