using System.Net;
using LocalCloud.Identity;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

/// <summary>A gateway over a Redis whose credentials have an origin of their own, behind something that ends TLS for both origins.</summary>
internal sealed class TwoOrigins : IAsyncDisposable
{
    public const string Work = "https://work.example.test";
    public const string Account = "https://account.example.test";

    private readonly MapServer _map;
    private readonly ConnectionMultiplexer _connection;
    private readonly IdentityProvider? _provider;
    private readonly string? _folder;

    private TwoOrigins(MapServer map, ConnectionMultiplexer connection, IdentityProvider? provider, string? folder, GatewayHost host, FakeTimeProvider? time) =>
        (_map, _connection, _provider, _folder, Host, Time) = (map, connection, provider, folder, host, time);

    public GatewayHost Host { get; }

    /// <summary>Only if it was asked for.</summary>
    public FakeTimeProvider? Time { get; }

    /// <summary>With the local cloud's provider, at which a person signs in by a form.</summary>
    public static async Task<TwoOrigins> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("identity-").FullName;
        var provider = await IdentityProvider.StartAsync(0, folder, new IdentityClient("gateway", TestAuthority.ClientSecret, [Work + "/", Account + "/"]));
        return await StartAsync(provider, folder, new() { ["Identity:Authority"] = provider.Authority.AbsoluteUri }, null);
    }

    /// <summary>With the provider that signs in whoever a test says.</summary>
    public static Task<TwoOrigins> StartWithTestAuthorityAsync(FakeTimeProvider? time = null, Dictionary<string, string?>? settings = null) => StartAsync(null, null, settings ?? [], time);

    public OriginBrowser NewBrowser(string person = "alice") => new(Host.PublicUrl, person);

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await (_provider?.DisposeAsync() ?? ValueTask.CompletedTask);
        await _connection.DisposeAsync();
        await _map.DisposeAsync();
        if (_folder is not null)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private static async Task<TwoOrigins> StartAsync(IdentityProvider? provider, string? folder, Dictionary<string, string?> settings, FakeTimeProvider? time)
    {
        var map = await MapServer.StartAsync(MapServer.Redis);
        var connection = await map.ConnectAsync();
        settings["Identity:PublicUrl"] = Work;
        settings["Identity:Origin"] = Account;
        return new TwoOrigins(map, connection, provider, folder, await GatewayHost.StartAsync(settings, time, connection), time);
    }
}

/// <summary>A browser with one person before it. It takes both origins for what they say they are, and reaches both at the gateway's port.</summary>
internal sealed class OriginBrowser(Uri gateway, string person) : IDisposable
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { Timeout = TimeSpan.FromSeconds(30) };

    public CookieContainer Cookies { get; } = new();

    public Task<HttpResponseMessage> NavigateAsync(string to, string site = "none") => SendAsync(HttpMethod.Get, to, site, "navigate", "document", null);

    public Task<HttpResponseMessage> SubmitAsync(string to, Dictionary<string, string> fields, string site = "same-origin") =>
        SendAsync(HttpMethod.Post, to, site, "navigate", "document", new FormUrlEncodedContent(fields));

    /// <param name="method">As any page may choose it.</param>
    /// <param name="to">The address as it is sent.</param>
    /// <param name="site">How the browser calls the page that asks; empty: it is of a time before that.</param>
    /// <param name="mode">The same of the way it asks.</param>
    /// <param name="dest">The same of what becomes of the answer.</param>
    /// <param name="body">Null: none.</param>
    /// <param name="headers">Further ones.</param>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string to, string site, string mode, string dest, HttpContent? body, params (string Name, string Value)[] headers)
    {
        var address = new Uri(to);
        var behindTheFront = address.Scheme == "https";
        var target = behindTheFront ? gateway.GetLeftPart(UriPartial.Authority) + to[address.GetLeftPart(UriPartial.Authority).Length..] : to;
        using var request = new HttpRequestMessage(method, new Uri(target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true })) { Content = body };
        if (behindTheFront)
        {
            request.Headers.Host = address.Authority;
        }

        if (site.Length > 0)
        {
            request.Headers.Add("Sec-Fetch-Site", site);
            request.Headers.Add("Sec-Fetch-Mode", mode);
            request.Headers.Add("Sec-Fetch-Dest", dest);
        }

        request.Headers.Add("Accept", "text/html,*/*;q=0.8");
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        if (Cookies.GetCookieHeader(address) is { Length: > 0 } cookies)
        {
            request.Headers.Add("Cookie", cookies);
        }

        var answer = await _client.SendAsync(request);
        foreach (var cookie in answer.Headers.TryGetValues("Set-Cookie", out var set) ? set : [])
        {
            Cookies.SetCookies(address, cookie);
        }

        return answer;
    }

    /// <summary>Goes there and on wherever it is sent, through the provider's page if it shows one.</summary>
    public async Task<(HttpResponseMessage Answer, string At)> FollowAsync(string to)
    {
        for (var hop = 0; hop < 15; hop++)
        {
            var answer = await NavigateAsync(to, hop == 0 ? "none" : "cross-site");
            if (answer.StatusCode == HttpStatusCode.OK && new Uri(to).AbsolutePath == "/sign-in")
            {
                var page = await answer.Content.ReadAsStringAsync();
                var fields = new Dictionary<string, string> { ["name"] = person, ["return"] = WebUtility.HtmlDecode(page.Split("name=\"return\" value=\"")[1].Split('"')[0]) };
                answer = await SubmitAsync(to.Split('?')[0], fields);
            }

            if (answer.Headers.Location is not { } location)
            {
                return (answer, to);
            }

            to = new Uri(new Uri(to), location.OriginalString).AbsoluteUri;
        }

        throw new InvalidOperationException("Redirected in circles.");
    }

    /// <summary>Signs in at both origins.</summary>
    public async Task SignInAsync()
    {
        var (workspace, _) = await FollowAsync(TwoOrigins.Work + "/");
        Assert.Equal($"workspace of {person}", await workspace.Content.ReadAsStringAsync());
        var (tokens, at) = await FollowAsync(TwoOrigins.Account + "/");
        Assert.Equal((HttpStatusCode.OK, TwoOrigins.Account + "/.gateway/tokens"), (tokens.StatusCode, at));
    }

    /// <summary>Whether the origin's start page takes it for signed in.</summary>
    public async Task<bool> IsSignedInAsync(string origin)
    {
        using var answer = await NavigateAsync(origin + (origin == TwoOrigins.Account ? "/.gateway/tokens" : "/"));
        return answer.StatusCode == HttpStatusCode.OK;
    }

    /// <summary>The hidden field of the forms of a page at the credentials' origin.</summary>
    public async Task<string> FieldAsync(string path = "/.gateway/tokens")
    {
        using var page = await NavigateAsync(TwoOrigins.Account + path);
        return (await page.Content.ReadAsStringAsync()).Split("name=\"form\" value=\"")[1].Split('"')[0];
    }

    public void Dispose() => _client.Dispose();
}
