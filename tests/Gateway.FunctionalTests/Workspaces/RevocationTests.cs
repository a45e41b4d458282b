using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using Gateway.FunctionalTests.Identity;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>What was ended on one replica is refused on the other, and its open sockets there are closed with a reason.</summary>
[Collection(nameof(Alone))]
public sealed class RevocationTests
{
    // What is promised, from the call until the Close is at the client.
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);

    private static readonly (string, string)[] AskedAgain = [("Identity:Scopes", "openid profile offline_access"), ("Identity:RefreshEvery", "00:00:01")];

    // Until the provider is asked again, and what is promised from then on.
    private static readonly TimeSpan Rounds = TimeSpan.FromSeconds(3) + Soon;

    [Fact]
    public async Task SignOut_ClosesTheSocketOnTheOtherReplica()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var (one, two) = (await cloud.StartGatewayAsync(), await cloud.StartGatewayAsync());
        using var browser = new Browser(one.Url);
        await browser.FollowAsync("/");
        var cookie = Cookie(browser, two);
        using var socket = await OpenAsync(two, cookie);

        await AssertClosesAsync(socket, () => browser.NavigateAsync("/.gateway/sign-out", "same-origin"), "signed out");

        using var after = RunningGateway.Client(two.Url, null);
        after.DefaultRequestHeaders.Add("Cookie", cookie[0].Value);
        Assert.Equal(HttpStatusCode.Unauthorized, (await after.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task SignOutWhoseMessageIsLost_ClosesTheSocketsOnBothReplicasAllTheSame()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var (one, two) = (await cloud.StartGatewayAsync(), await cloud.StartGatewayAsync());
        using var browser = new Browser(one.Url);
        await browser.FollowAsync("/");
        using var socket = await OpenAsync(one, Cookie(browser, one));
        using var other = await OpenAsync(two, Cookie(browser, two));
        await using var redis = await cloud.Redis.ConnectAsync();

        // What a replica does whose message nobody hears: the sign-in goes, the sequence moves on.
        const string lost = "for _, key in ipairs(redis.call('keys', '{gateway}:sign-in:*')) do redis.call('del', key) end return redis.call('incr', '{gateway}:sequence')";
        var loss = redis.GetDatabase().ScriptEvaluateAsync(lost);
        await Task.WhenAll(AssertClosesAsync(socket, () => loss, "signed out"), AssertClosesAsync(other, () => loss, "signed out"));
    }

    [Fact]
    public async Task RevokedToken_ClosesTheSocketOnTheOtherReplica_AndOpensNothingThere()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var (one, two) = (await cloud.StartGatewayAsync(), await cloud.StartGatewayAsync());
        using var browser = new Browser(one.Url);
        var token = await TokenTests.MakeAsync(browser, "terminal");
        using var socket = await OpenAsync(two, [("Authorization", "Bearer " + token)]);
        var page = await (await browser.NavigateAsync("/.gateway/tokens")).Content.ReadAsStringAsync();
        var fields = new Dictionary<string, string> { ["form"] = await browser.FormFieldAsync("/.gateway/tokens"), ["id"] = page.Split("name=\"id\" value=\"")[1].Split('"')[0] };

        await AssertClosesAsync(socket, () => browser.SubmitAsync("/.gateway/tokens/revoke", fields), "revoked");

        using var program = RunningGateway.Client(two.Url, token);
        Assert.Equal(HttpStatusCode.Unauthorized, (await program.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task DeniedUser_LosesTheirSocketOnTheOtherReplica_AndIsRefusedUntilAllowedAgain()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var (one, two) = (await cloud.StartGatewayAsync(), await cloud.StartGatewayAsync());
        using var socket = await OpenAsync(two, [("Authorization", "Bearer " + cloud.TokenOf("alice"))]);
        using var bystander = await OpenAsync(two, [("Authorization", "Bearer " + cloud.TokenOf("bob"))]);
        using var operators = one.OperatorClient();
        using var alice = two.ClientOf("alice");

        await AssertClosesAsync(socket, () => operators.PutAsJsonAsync("/api/users/alice/access", new { access = "deny", reason = "left the company" }), "no longer");

        using (var refused = await alice.GetAsync("/"))
        {
            await ProgramTests.AssertProblemAsync(refused, HttpStatusCode.Forbidden, "access-denied");
        }

        Assert.Equal(HttpStatusCode.NoContent, (await operators.DeleteAsync("/api/users/alice/access")).StatusCode);
        await Eventually.HoldsAsync(async () => (await alice.GetAsync("/")).IsSuccessStatusCode);
        Assert.Equal(WebSocketState.Open, bystander.State);
    }

    [Fact]
    public async Task KickedUser_LosesTheirSocket_AndComesBackWithANewCredentialOnly()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var (one, two) = (await cloud.StartGatewayAsync(), await cloud.StartGatewayAsync());
        using var browser = new Browser(two.Url);
        await browser.FollowAsync("/");
        using var socket = await OpenAsync(two, Cookie(browser, two));
        using var operators = one.OperatorClient();
        using var program = two.ClientOf("alice");

        await AssertClosesAsync(socket, () => operators.PostAsync("/api/routes/alice/kick", null), "operator");

        Assert.Equal(HttpStatusCode.Unauthorized, (await program.GetAsync("/")).StatusCode);
        using (var sentToSignIn = await browser.NavigateAsync("/"))
        {
            Assert.StartsWith(cloud.Authority.Url, sentToSignIn.Headers.Location!.ToString(), StringComparison.Ordinal);
        }

        var (again, _) = await browser.FollowAsync("/");
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
    }

    [Theory]
    [InlineData("/stream", HttpCompletionOption.ResponseHeadersRead)]
    [InlineData("/silent", HttpCompletionOption.ResponseContentRead)]
    public async Task AnswerInProgressOfADeniedUser_IsCutOnTheOtherReplica(string path, HttpCompletionOption until)
    {
        await using var cloud = await GatewayEnvironment.StartAsync(static options => options.Answer = AnswerSlowlyAsync);
        var (one, two) = (await cloud.StartGatewayAsync(), await cloud.StartGatewayAsync());
        using var operators = one.OperatorClient();
        using var alice = two.ClientOf("alice");
        Assert.Equal(HttpStatusCode.OK, (await alice.GetAsync("/")).StatusCode);
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        var answer = alice.SendAsync(request, until);
        if (until is HttpCompletionOption.ResponseHeadersRead)
        {
            Assert.Equal(HttpStatusCode.OK, (await answer.WaitAsync(Eventually.Limit)).StatusCode);
        }

        var began = TimeProvider.System.GetTimestamp();
        await DenyAliceAsync(operators);

        await Assert.ThrowsAnyAsync<Exception>(async () => await (await answer).Content.ReadAsByteArrayAsync()).WaitAsync(Eventually.Limit);
        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.Zero, Soon);
    }

    [Fact]
    public async Task EventStreamOfADeniedUser_EndsOnTheOtherReplica()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var (one, two) = (await cloud.StartGatewayAsync(), await cloud.StartGatewayAsync());
        using var operators = one.OperatorClient();
        using var alice = two.ClientOf("alice");
        using var ask = new HttpRequestMessage(HttpMethod.Get, "/.gateway/events");
        ask.Headers.Add("Accept", "text/event-stream");
        using var stream = await alice.SendAsync(ask, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, stream.StatusCode);

        var began = TimeProvider.System.GetTimestamp();
        await DenyAliceAsync(operators);

        Assert.Contains("event: progress", await stream.Content.ReadAsStringAsync().WaitAsync(Eventually.Limit), StringComparison.Ordinal);
        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.Zero, Soon);
    }

    [Fact]
    public async Task HeldRequestOfADeniedUser_IsRefusedOnTheOtherReplica_AndNeverReachesTheWorkspace()
    {
        var reached = 0;
        await using var cloud = await GatewayEnvironment.StartAsync(options =>
        {
            options.Delays.EchoBoot = TimeSpan.FromSeconds(5);
            options.Answer = _ =>
            {
                Interlocked.Increment(ref reached);
                return Task.FromResult(false);
            };
        });
        var (one, two) = (await cloud.StartGatewayAsync(), await cloud.StartGatewayAsync());
        using var operators = one.OperatorClient();
        using var alice = two.ClientOf("alice");
        var held = alice.PostAsync("/order", new StringContent("one"));
        await Eventually.HoldsAsync(() => Task.FromResult(cloud.Simulator.Machines.Count > 0));

        var began = TimeProvider.System.GetTimestamp();
        await DenyAliceAsync(operators);

        using var refused = await held.WaitAsync(Eventually.Limit);
        await ProgramTests.AssertProblemAsync(refused, HttpStatusCode.Unauthorized, "access-ended");
        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.Zero, Soon);
        Assert.Equal(0, reached);
    }

    [Fact]
    public async Task UserWhomTheProviderDoesNotVouchForAnyMore_LosesTheirSocketsOnBothReplicas()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var (one, two) = (await cloud.StartGatewayAsync(AskedAgain), await cloud.StartGatewayAsync(AskedAgain));
        using var browser = new Browser(one.Url);
        await browser.FollowAsync("/");
        using var socket = await OpenAsync(one, Cookie(browser, one));
        using var other = await OpenAsync(two, Cookie(browser, two));

        await Task.WhenAll(AssertClosesAsync(socket, DismissAsync, "signed out", Rounds), AssertClosesAsync(other, DismissAsync, "signed out", Rounds));

        Assert.Equal(HttpStatusCode.Redirect, (await browser.NavigateAsync("/")).StatusCode);

        Task DismissAsync()
        {
            cloud.Authority.Dismissed["alice"] = true;
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task UserWhomTheProviderTookOutOfTheirGroup_LosesTheirSocketsOnBothReplicas_AndIsRefused()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var settings = AskedAgain.Append(("Identity:Allow:Everyone", "false")).Append(("Identity:Allow:Groups:0", "staff")).ToArray();
        var (one, two) = (await cloud.StartGatewayAsync(settings), await cloud.StartGatewayAsync(settings));
        cloud.Authority.Person["groups"] = "staff";
        using var browser = new Browser(one.Url);
        await browser.FollowAsync("/");
        using var socket = await OpenAsync(one, Cookie(browser, one));
        using var other = await OpenAsync(two, Cookie(browser, two));

        await Task.WhenAll(AssertClosesAsync(socket, MoveAsync, "no longer", Rounds), AssertClosesAsync(other, MoveAsync, "no longer", Rounds));

        Assert.Equal(HttpStatusCode.Forbidden, (await browser.NavigateAsync(one.Url)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await browser.NavigateAsync(two.Url)).StatusCode);

        Task MoveAsync()
        {
            cloud.Authority.OnRefresh = static claims => claims["groups"] = "former";
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task OperatorWhoseRoleTheProviderTookAway_IsRefusedByTheConsoleOfBothReplicas()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var (one, two) = (await cloud.StartGatewayAsync(AskedAgain), await cloud.StartGatewayAsync(AskedAgain));
        (cloud.Authority.Person["sub"], cloud.Authority.Person["role"]) = ("ops", "operator");
        using var console = new Browser(one.OperationsUrl);
        (await console.FollowAsync("/")).Answer.EnsureSuccessStatusCode().Dispose();
        Assert.Equal(HttpStatusCode.OK, (await console.NavigateAsync(two.OperationsUrl)).StatusCode);

        cloud.Authority.OnRefresh = static claims => claims.Remove("role");

        foreach (var replica in new[] { one, two })
        {
            await Eventually.HoldsAsync(async () => (await console.NavigateAsync(replica.OperationsUrl)).StatusCode == HttpStatusCode.Forbidden);
        }
    }

    private static async Task DenyAliceAsync(HttpClient operators) =>
        Assert.True((await operators.PutAsJsonAsync("/api/users/alice/access", new { access = "deny", reason = "left the company" })).IsSuccessStatusCode);

    /// <summary>Begins an answer on one path and none on the other, and ends neither.</summary>
    private static async Task<bool> AnswerSlowlyAsync(HttpContext context)
    {
        if (context.Request.Path == "/stream")
        {
            await context.Response.WriteAsync("begun");
            await context.Response.Body.FlushAsync();
        }
        else if (context.Request.Path != "/silent")
        {
            return false;
        }

        using var left = new CancellationTokenSource(Eventually.Limit * 2, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(left.Token, context.RequestAborted);
        var ended = new TaskCompletionSource();
        await using var ending = either.Token.Register(ended.SetResult);
        await ended.Task;
        return true;
    }

    [Fact]
    public async Task SocketWhoseTokenExpires_IsClosedAfterTheGrace()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Identity:SocketGrace", "00:00:01"));
        using (var first = gateway.ClientOf("alice"))
        {
            Assert.Equal(HttpStatusCode.OK, (await first.GetAsync("/")).StatusCode);
        }

        using var socket = await OpenAsync(gateway, [("Authorization", "Bearer " + cloud.Authority.AccessToken(endsIn: TimeSpan.FromSeconds(5)))]);

        await AssertClosesAsync(socket, () => Task.CompletedTask, "expired", TimeSpan.FromSeconds(15));
    }

    private static async Task<ClientWebSocket> OpenAsync(RunningGateway gateway, (string, string)[] headers)
    {
        var socket = await gateway.OpenSocketAsync("/terminal", headers);
        var greeting = await ReceiveAsync(socket);
        Assert.Equal(WebSocketMessageType.Text, greeting.MessageType);
        return socket;
    }

    private static (string Name, string Value)[] Cookie(Browser browser, RunningGateway gateway) =>
        [("Cookie", browser.Cookies.GetCookieHeader(gateway.Url)), ("Origin", gateway.Url.GetLeftPart(UriPartial.Authority))];

    private static async Task AssertClosesAsync(ClientWebSocket socket, Func<Task> act, string reason, TimeSpan? within = null)
    {
        var began = TimeProvider.System.GetTimestamp();
        await act();

        var closed = await ReceiveAsync(socket);

        Assert.Equal(WebSocketMessageType.Close, closed.MessageType);
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, socket.CloseStatus);
        Assert.Contains(reason, socket.CloseStatusDescription, StringComparison.Ordinal);
        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.Zero, within ?? Soon);
    }

    private static async Task<WebSocketReceiveResult> ReceiveAsync(ClientWebSocket socket)
    {
        using var bound = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
        return await socket.ReceiveAsync(new byte[1024], bound.Token);
    }
}
