using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

/// <summary>Signing in a program without a browser (RFC 8628), from its first request to the workspace.</summary>
public sealed class DeviceTests
{
    private const string Grant = "urn:ietf:params:oauth:grant-type:device_code";

    public static TheoryData<string> Servers => [MapServer.Redis, MapServer.Garnet];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task DeviceApprovedInABrowser_IsGivenATokenOnce_ThatOpensTheWorkspace(string server)
    {
        await using var stage = await Stage.StartAsync(server);
        var codes = await stage.BeginAsync();
        Assert.Equal("authorization_pending", await stage.PollForErrorAsync(codes));

        using var approved = await stage.DecideAsync(codes, "approve");
        stage.Time.Advance(TimeSpan.FromSeconds(5));
        using var granted = await stage.PollAsync(codes);
        var token = await granted.Content.ReadFromJsonAsync<JsonNode>();
        using var program = stage.Host.NewProgram(token!["access_token"]!.GetValue<string>());
        using var open = await program.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, approved.StatusCode);
        Assert.Equal(HttpStatusCode.OK, granted.StatusCode);
        Assert.True(granted.Headers.CacheControl!.NoStore);
        Assert.Equal("Bearer", token["token_type"]!.GetValue<string>());
        Assert.Equal("workspace of alice", await open.Content.ReadAsStringAsync());
        Assert.Equal("invalid_grant", await stage.PollForErrorAsync(codes));
        var listed = await (await stage.Browser.NavigateAsync("/.gateway/tokens")).Content.ReadAsStringAsync();
        Assert.Contains("Device: terminal", listed, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task DeviceThatPollsTooSoon_IsSlowedDown_AndDeniedOneIsTold(string server)
    {
        await using var stage = await Stage.StartAsync(server);
        var codes = await stage.BeginAsync();

        Assert.Equal("authorization_pending", await stage.PollForErrorAsync(codes));
        Assert.Equal("slow_down", await stage.PollForErrorAsync(codes));
        stage.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("slow_down", await stage.PollForErrorAsync(codes));
        stage.Time.Advance(TimeSpan.FromSeconds(15));
        Assert.Equal("authorization_pending", await stage.PollForErrorAsync(codes));
        using var denied = await stage.DecideAsync(codes, "deny");
        Assert.Equal("access_denied", await stage.PollForErrorAsync(codes));
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task CodeThatIsTooOld_HasExpired_AndCannotBeApproved(string server)
    {
        await using var stage = await Stage.StartAsync(server);
        var codes = await stage.BeginAsync();
        var field = await stage.Browser.FormFieldAsync("/.gateway/tokens");
        stage.Time.Advance(TimeSpan.FromMinutes(11));

        using var page = await stage.Browser.SubmitAsync("/.gateway/device", new() { ["form"] = field, ["user_code"] = codes.UserCode, ["decision"] = "approve" });

        Assert.Equal(HttpStatusCode.NotFound, page.StatusCode);
        Assert.Equal("expired_token", await stage.PollForErrorAsync(codes));
    }

    [Fact]
    public async Task ApprovalWithoutAFreshSignIn_ApprovesNothing()
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis);
        stage.Host.Authority.SignedInAt = () => TimeProvider.System.GetUtcNow().AddHours(-1);
        var codes = await stage.BeginAsync();

        using var refused = await stage.DecideAsync(codes, "approve");

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal("authorization_pending", await stage.PollForErrorAsync(codes));
    }

    [Fact]
    public async Task ApprovalWithoutThePagesOwnForm_IsRefused()
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis);
        var codes = await stage.BeginAsync();

        using var refused = await stage.Browser.SubmitAsync("/.gateway/device", new() { ["user_code"] = codes.UserCode, ["decision"] = "approve" });

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal("authorization_pending", await stage.PollForErrorAsync(codes));
    }

    [Fact]
    public async Task PersonWhoGuessesCodes_IsStopped()
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis);
        var last = HttpStatusCode.OK;
        for (var i = 0; i < 21; i++)
        {
            using var page = await stage.Browser.NavigateAsync("/.gateway/device?user_code=BBBBBBBB");
            last = page.StatusCode;
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, last);
    }

    [Theory]
    [InlineData("grant_type=password", "unsupported_grant_type")]
    [InlineData("grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=never-given", "invalid_grant")]
    [InlineData("grant_type=urn:ietf:params:oauth:grant-type:device_code", "invalid_grant")]
    public async Task PollThatMakesNoSense_IsToldSoInTheWordsOfTheRfc(string form, string error)
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis);
        using var device = stage.Host.NewProgram();

        using var answer = await device.PostAsync("/.gateway/device/token", new StringContent(form, null, "application/x-www-form-urlencoded"));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(error, (await answer.Content.ReadFromJsonAsync<JsonNode>())!["error"]!.GetValue<string>());
    }

    private sealed record Codes(string DeviceCode, string UserCode);

    /// <summary>A gateway over a server of its own, with time in hand and a person signed in.</summary>
    private sealed class Stage(MapServer map, ConnectionMultiplexer connection, GatewayHost host, FakeTimeProvider time) : IAsyncDisposable
    {
        public GatewayHost Host => host;

        public FakeTimeProvider Time => time;

        public Browser Browser { get; } = host.NewBrowser();

        public static async Task<Stage> StartAsync(string server)
        {
            var map = await MapServer.StartAsync(server);
            var connection = await map.ConnectAsync();
            var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
            var stage = new Stage(map, connection, await GatewayHost.StartAsync(time: time, redis: connection), time);
            await stage.Browser.FollowAsync("/");
            return stage;
        }

        public async Task<Codes> BeginAsync()
        {
            using var device = host.NewProgram();
            using var answer = await device.PostAsync("/.gateway/device/code", new FormUrlEncodedContent(new Dictionary<string, string> { ["client_id"] = "terminal" }));
            var codes = (await answer.Content.ReadFromJsonAsync<JsonNode>())!;
            Assert.Equal(host.PublicUrl + ".gateway/device", codes["verification_uri"]!.GetValue<string>());
            Assert.Matches("^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$", codes["user_code"]!.GetValue<string>());
            Assert.Equal((600, 5), (codes["expires_in"]!.GetValue<int>(), codes["interval"]!.GetValue<int>()));
            return new Codes(codes["device_code"]!.GetValue<string>(), codes["user_code"]!.GetValue<string>());
        }

        public async Task<HttpResponseMessage> PollAsync(Codes codes)
        {
            using var device = host.NewProgram();
            return await device.PostAsync("/.gateway/device/token", new FormUrlEncodedContent(new Dictionary<string, string> { ["grant_type"] = Grant, ["device_code"] = codes.DeviceCode }));
        }

        public async Task<string> PollForErrorAsync(Codes codes)
        {
            using var answer = await PollAsync(codes);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            return (await answer.Content.ReadFromJsonAsync<JsonNode>())!["error"]!.GetValue<string>();
        }

        /// <summary>What the person does on the page, the fresh sign-in included.</summary>
        public async Task<HttpResponseMessage> DecideAsync(Codes codes, string decision)
        {
            var field = await Browser.FormFieldAsync("/.gateway/device?user_code=" + codes.UserCode.ToLowerInvariant());
            var answer = await Browser.SubmitAsync("/.gateway/device", new() { ["form"] = field, ["user_code"] = codes.UserCode, ["decision"] = decision });
            return answer.Headers.Contains("Refresh") ? await Browser.ConfirmAsync(answer) : answer;
        }

        public async ValueTask DisposeAsync()
        {
            Browser.Dispose();
            await host.DisposeAsync();
            await connection.DisposeAsync();
            await map.DisposeAsync();
        }
    }
}
