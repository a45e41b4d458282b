using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Identity;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>
/// The gateway as a process that logs all it can, through a day on which everything is used and everything breaks: what it printed, exceptions included,
/// and what it shows of itself hold no credential.
/// </summary>
[Collection(nameof(Alone))]
public sealed class SecrecyTests
{
    private const string RedisPassword = "fake-redis-password";
    private const string PlatformToken = "fake-token-for-tests";
    private const string ApiKey = "mjdops_fake-key-for-tests-0123456789abcdefghijklmnop";

    private readonly Dictionary<string, string> _secrets = new()
    {
        ["the platform's token"] = PlatformToken,
        ["the name key"] = GatewayEnvironment.NameKey,
        ["the client's secret"] = TestAuthority.ClientSecret,
        ["Redis's password"] = RedisPassword,
        ["an API key"] = ApiKey,
        ["a query"] = "fake-query-secret",
        ["a token that is none"] = "fake-token-of-nobody",
        ["an authorization of the workspace's own"] = "fake-workspace-authorization",
        ["a cookie of the workspace's own"] = "fake-workspace-cookie",
    };

    [Fact]
    public async Task OutputAtTraceLevel_AndMetrics_HoldNoCredential_OfADayOnWhichAllIsUsedAndAllBreaks()
    {
        await using var cloud = await GatewayEnvironment.StartAsync(static options => options.Answer = BreakAsync);
        await using (var redis = await cloud.Redis.ConnectAsync())
        {
            await redis.GetServers()[0].ConfigSetAsync("requirepass", RedisPassword);
        }

        using var printed = new StringWriter(CultureInfo.InvariantCulture);
        var output = TextWriter.Synchronized(printed);
        var settings = cloud.GatewaySettings();
        settings["REDIS_URL"] = cloud.Redis.Url.Replace("redis://", $"redis://default:{RedisPassword}@", StringComparison.Ordinal);
        settings["Logging:LogLevel:Default"] = "Trace";
        (settings["Identity:Scopes"], settings["Identity:RefreshEvery"]) = ("openid profile offline_access", "00:00:01");
        settings["Tracing:SampleRatio"] = "1";
        (settings["Identity:ApiKeys:0:Name"], settings["Identity:ApiKeys:0:Role"], settings["Identity:ApiKeys:0:Sha256"]) = ("nightly", "operator", Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(ApiKey))));
        await using var gateway = await GatewayProcess.StartAsync("secrets", settings, output);

        await UseAsync(cloud, gateway);
        using var operators = RunningGateway.Client(gateway.OperationsUrl, ApiKey);
        var shown = new StringBuilder();
        foreach (var path in new[] { "/metrics", "/api/routes", "/api/routes/alice", "/api/routes/alice/why", "/api/audit", "/api/drift", "/api/export" })
        {
            using var page = await operators.GetAsync(path);
            Assert.True(page.IsSuccessStatusCode, $"{path}: {page.StatusCode}");
            shown.Append(await page.Content.ReadAsStringAsync());
        }

        await BreakEverythingAsync(cloud, gateway, operators);
        gateway.Terminate();
        await gateway.Exited.WaitAsync(Eventually.Limit);

        var log = printed.ToString();
        Assert.Contains("dbug: Gateway.", log, StringComparison.Ordinal);
        Assert.Contains("alice", log, StringComparison.Ordinal);
        var all = log + shown;
        var told = _secrets.Where(secret => all.Contains(secret.Value, StringComparison.Ordinal)).Select(static secret => secret.Key).ToList();
        Assert.True(told.Count == 0, "Told: " + string.Join(", ", told));
    }

    private async Task UseAsync(GatewayEnvironment cloud, GatewayProcess gateway)
    {
        using var browser = new Browser(gateway.Url);
        using var toProvider = await browser.NavigateAsync("/files?secret=fake-query-secret");
        using var back = await browser.NavigateAsync(toProvider.Headers.Location!);
        var callback = back.Headers.Location!;
        (_secrets["a code"], _secrets["a state"]) = (Parameter(callback, "code"), Parameter(callback, "state"));
        (await browser.NavigateAsync(callback, "cross-site")).Dispose();
        (await browser.NavigateAsync(callback, "cross-site")).Dispose();
        _secrets["a sign-in"] = browser.Cookies.GetCookieHeader(gateway.Url).Split("gateway=")[1].Split(';')[0];
        await Eventually.HoldsAsync(() => Task.FromResult(cloud.Authority.Refreshes.Count >= 2));
        (_secrets["a refresh token"], _secrets["the next refresh token"]) = (cloud.Authority.Refreshes.First(), cloud.Authority.Refreshes.Last());
        _secrets["a personal token"] = await TokenTests.MakeAsync(browser, "terminal");
        _secrets["a form's proof"] = await browser.FormFieldAsync("/.gateway/tokens");

        cloud.Authority.Person["role"] = "operator";
        using var console = new Browser(gateway.OperationsUrl);
        (await console.FollowAsync("/")).Answer.EnsureSuccessStatusCode().Dispose();
        _secrets["a sign-in to the console"] = console.Cookies.GetCookieHeader(gateway.OperationsUrl).Split("gateway.console=")[1].Split(';')[0];

        using var device = RunningGateway.Client(gateway.Url, null);
        using (var asked = await device.PostAsync("/.gateway/device/code", new FormUrlEncodedContent([new("client_id", "terminal")])))
        {
            var codes = (await asked.Content.ReadFromJsonAsync<JsonNode>())!;
            (_secrets["a device code"], _secrets["a user's code"]) = (codes["device_code"]!.GetValue<string>(), codes["user_code"]!.GetValue<string>());
        }

        var field = await browser.FormFieldAsync("/.gateway/device?user_code=" + _secrets["a user's code"]);
        using (var decided = await browser.SubmitAsync("/.gateway/device", new() { ["form"] = field, ["user_code"] = _secrets["a user's code"], ["decision"] = "approve" }))
        {
            (decided.Headers.Contains("Refresh") ? await browser.ConfirmAsync(decided) : decided).EnsureSuccessStatusCode();
        }

        using (var granted = await device.PostAsync("/.gateway/device/token", new FormUrlEncodedContent([new("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), new("device_code", _secrets["a device code"])])))
        {
            _secrets["a device's token"] = (await granted.Content.ReadFromJsonAsync<JsonNode>())!["access_token"]!.GetValue<string>();
        }

        _secrets["a provider's token"] = cloud.TokenOf("alice");
        _secrets["a token that has expired"] = cloud.Authority.AccessToken(endsIn: -TimeSpan.FromHours(1));
        foreach (var name in new[] { "a personal token", "a device's token", "a provider's token", "a token that has expired", "a token that is none" })
        {
            using var program = RunningGateway.Client(gateway.Url, _secrets[name]);
            using var answer = await program.GetAsync("/?secret=fake-query-secret");
            if (answer.IsSuccessStatusCode)
            {
                _secrets["an assertion"] = (await answer.Content.ReadFromJsonAsync<JsonNode>())!["headers"]!["Gateway-Assertion"]!.GetValue<string>();
            }

            // Where tokens do not belong, and where they end in the middle.
            (await program.GetAsync("/?access_token=" + Uri.EscapeDataString(_secrets[name]))).Dispose();
            await Assert.ThrowsAnyAsync<Exception>(() => OpenAsync(gateway, _secrets[name], "/refuses-sockets"));
            await BrokenAsync(() => program.GetAsync("/breaks?secret=fake-query-secret"));
            await BrokenAsync(() => program.PostAsync("/breaks-later?secret=fake-query-secret", new StringContent("fake-query-secret")));
        }

        using var mixed = new HttpRequestMessage(HttpMethod.Get, "/?secret=fake-query-secret");
        mixed.Headers.Authorization = new AuthenticationHeaderValue("Basic", "fake-workspace-authorization");
        mixed.Headers.Add("Cookie", "theirs=fake-workspace-cookie");
        (await browser.SendAsync(mixed)).Dispose();
        using var socket = await OpenAsync(gateway, _secrets["a provider's token"], "/terminal?secret=fake-query-secret");
        await socket.SendAsync("fake-query-secret"u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);
    }

    private async Task BreakEverythingAsync(GatewayEnvironment cloud, GatewayProcess gateway, HttpClient operators)
    {
        (await operators.PostAsync("/api/routes/alice/kick", null)).Dispose();
        cloud.Redis.Kill();
        await UseBrokenAsync(gateway);
        // Comes back without its password: now that is what is wrong.
        await cloud.Redis.RestartAsync();
        await UseBrokenAsync(gateway);
        cloud.Authority.RefreshAnswer = () => Task.FromResult<IResult?>(Results.Text(_secrets["the next refresh token"], statusCode: 400));
        await UseBrokenAsync(gateway);
        await cloud.Authority.DisposeAsync();
        await UseBrokenAsync(gateway);
        cloud.Simulator.Faults.Down = true;
        await UseBrokenAsync(gateway);
    }

    private async Task UseBrokenAsync(GatewayProcess gateway)
    {
        foreach (var name in new[] { "a personal token", "a device's token", "a provider's token", "a token that is none" })
        {
            using var program = RunningGateway.Client(gateway.Url, _secrets[name]);
            await BrokenAsync(() => program.GetAsync("/?secret=fake-query-secret"));
        }

        using var browser = RunningGateway.Client(gateway.Url, null);
        browser.DefaultRequestHeaders.Add("Cookie", "gateway=" + _secrets["a sign-in"]);
        await BrokenAsync(() => browser.GetAsync("/?secret=fake-query-secret"));
        await BrokenAsync(() => browser.GetAsync($"/.gateway/callback?code={_secrets["a code"]}&state={_secrets["a state"]}"));
        using var console = RunningGateway.Client(gateway.OperationsUrl, null);
        console.DefaultRequestHeaders.Add("Cookie", "gateway.console=" + _secrets["a sign-in to the console"]);
        await BrokenAsync(() => console.GetAsync("/users/alice?secret=fake-query-secret"));
    }

    private static async Task BrokenAsync(Func<Task<HttpResponseMessage>> ask)
    {
        try
        {
            using var answer = await ask();
        }
        catch (HttpRequestException)
        {
            // Whatever comes of it.
        }
    }

    private static async Task<bool> BreakAsync(HttpContext context)
    {
        if (context.Request.Path.StartsWithSegments("/breaks-later"))
        {
            await context.Response.WriteAsync("half of the");
            await context.Response.Body.FlushAsync();
            context.Abort();
            return true;
        }

        if (context.Request.Path.StartsWithSegments("/breaks"))
        {
            context.Abort();
            return true;
        }

        context.Response.StatusCode = context.Request.Path.StartsWithSegments("/refuses-sockets") ? StatusCodes.Status403Forbidden : StatusCodes.Status200OK;
        return context.Response.StatusCode == StatusCodes.Status403Forbidden;
    }

    private static async Task<ClientWebSocket> OpenAsync(GatewayProcess gateway, string token, string path)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
        using var bound = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
        await socket.ConnectAsync(new Uri($"ws://{gateway.Url.Authority}{path}"), bound.Token);
        return socket;
    }

    private static string Parameter(Uri url, string name) => url.Query.Split(name + "=")[1].Split('&')[0];
}
