using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

public sealed class ProgramTests
{
    [Fact]
    public async Task GoodBearer_IsLetIn_AndIsMarkedConsumed()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(host.Authority.AccessToken());

        using var answer = await program.GetAsync("/");

        Assert.Equal("workspace of alice", await answer.Content.ReadAsStringAsync());
        Assert.Equal("True", answer.Headers.GetValues("X-Consumed").Single());
    }

    [Fact]
    public async Task BearerVerifiedBefore_IsConsumedEachTime()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(host.Authority.AccessToken());
        using var first = await program.GetAsync("/");
        using var second = await program.GetAsync("/");

        Assert.Equal("True", first.Headers.GetValues("X-Consumed").Single());
        Assert.Equal("True", second.Headers.GetValues("X-Consumed").Single());
    }

    [Fact]
    public async Task BearerVerifiedBefore_WithAnotherSignature_IsRefused()
    {
        await using var host = await GatewayHost.StartAsync();
        var token = host.Authority.AccessToken();
        using var program = host.NewProgram(token);
        using var good = await program.GetAsync("/");
        using var forger = host.NewProgram(token[..^8] + "AAAAAAAA");

        using var forged = await forger.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, good.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, forged.StatusCode);
    }

    [Fact]
    public async Task BearersOfTwoUsers_AreToldApart_HoweverOftenTheyCome()
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:Allow:Users:5"] = "bob" });
        using var alice = host.NewProgram(host.Authority.AccessToken());
        using var bob = host.NewProgram(host.Authority.AccessToken("bob"));

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("workspace of alice", await alice.GetStringAsync("/"));
            Assert.Equal("workspace of bob", await bob.GetStringAsync("/"));
        }
    }

    [Fact]
    public async Task NoCredential_Is401Json_NeverARedirect()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram();

        using var answer = await program.GetAsync("/");

        await AssertProblemAsync(answer, HttpStatusCode.Unauthorized, "not-signed-in");
        Assert.Equal("Bearer", answer.Headers.WwwAuthenticate.ToString());
    }

    [Theory]
    [InlineData("forged")]
    [InlineData("expired")]
    [InlineData("wrong audience")]
    [InlineData("wrong issuer")]
    [InlineData("alg none")]
    [InlineData("alg HS256 with the public key")]
    [InlineData("tampered")]
    [InlineData("no user")]
    [InlineData("not a token")]
    [InlineData("empty")]
    public async Task BadBearer_Is401_NeverAnonymous(string fault)
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(BadToken(host.Authority, fault));

        using var answer = await program.GetAsync("/");

        await AssertProblemAsync(answer, HttpStatusCode.Unauthorized, "invalid-token");
        Assert.Equal("Bearer error=\"invalid_token\"", answer.Headers.WwwAuthenticate.ToString());
    }

    [Fact]
    public async Task BadBearerOfABrowserNavigation_IsStill401()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram("nonsense");
        program.DefaultRequestHeaders.Add("Sec-Fetch-Mode", "navigate");

        using var answer = await program.GetAsync("/");

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task UserNotOnTheList_Is403Json()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(host.Authority.AccessToken("mallory"));

        using var answer = await program.GetAsync("/");

        await AssertProblemAsync(answer, HttpStatusCode.Forbidden, "not-allowed");
    }

    [Fact]
    public async Task ClaimNamedAsOurs_InAToken_GainsNothing()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(host.Authority.AccessToken("mallory", claims: new() { ["gateway.user"] = "alice" }));

        using var answer = await program.GetAsync("/");

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Theory]
    [InlineData("/.gateway")]
    [InlineData("/.gateway/")]
    [InlineData("/.gateway/nothing/here")]
    [InlineData("/.GATEWAY/nothing")]
    public async Task PathOfTheGatewayThatNobodyMaps_IsNotTheWorkspaces(string path)
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(host.Authority.AccessToken());

        using var answer = await program.GetAsync(path);

        await AssertProblemAsync(answer, HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task TwoAuthorizationHeaders_Are400()
    {
        await using var host = await GatewayHost.StartAsync();
        var answer = await RawAsync(host.PublicUrl, "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("?access_token=fake")]
    [InlineData("?a=1&access%5Ftoken=fake")]
    public async Task TokenInTheQuery_Is400(string query)
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(host.Authority.AccessToken());

        using var answer = await program.GetAsync("/" + query);

        await AssertProblemAsync(answer, HttpStatusCode.BadRequest, "token-in-query");
    }

    [Theory]
    [InlineData("Bearer the-workspaces-own-token")]
    [InlineData("Basic ZmFrZTpmYWtl")]
    public async Task ForeignAuthorizationBesideASignIn_IsTheWorkspacesOwn(string authorization)
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        var request = new HttpRequestMessage(HttpMethod.Get, "/api");
        request.Headers.TryAddWithoutValidation("Authorization", authorization);

        using var answer = await browser.SendAsync(request);

        Assert.Equal("workspace of alice", await answer.Content.ReadAsStringAsync());
        Assert.Equal("False", answer.Headers.GetValues("X-Consumed").Single());
    }

    [Fact]
    public async Task BadBearerOfOurIssuerBesideASignIn_Is401()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        var request = new HttpRequestMessage(HttpMethod.Get, "/api");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + host.Authority.AccessToken(endsIn: -TimeSpan.FromHours(1)));

        using var answer = await browser.SendAsync(request);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Theory]
    [InlineData(null, HttpStatusCode.Forbidden)]
    [InlineData("https://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("null", HttpStatusCode.Forbidden)]
    [InlineData("ours", HttpStatusCode.OK)]
    public async Task SocketByCookie_NeedsOurOrigin(string? origin, HttpStatusCode expected)
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        var request = Socket();
        if (origin is not null)
        {
            request.Headers.Add("Origin", origin == "ours" ? host.PublicUrl.GetLeftPart(UriPartial.Authority) : origin);
        }

        using var answer = await browser.SendAsync(request);

        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task SocketByBearer_NeedsNoOrigin()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(host.Authority.AccessToken());

        using var answer = await program.SendAsync(Socket());

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task SocketWithoutCredential_Is401_NeverARedirect()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram();
        using var request = Socket();
        request.Headers.Add("Accept", "text/html");

        using var answer = await program.SendAsync(request);

        await AssertProblemAsync(answer, HttpStatusCode.Unauthorized, "not-signed-in");
    }

    internal static async Task AssertProblemAsync(HttpResponseMessage answer, HttpStatusCode status, string slug)
    {
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        Assert.Contains("\"urn:gateway:problem:" + slug + "\"", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.True(answer.Headers.CacheControl!.NoStore);
    }

    private static async Task<string> RawAsync(Uri to, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(to.Host, to.Port).WaitAsync(TimeSpan.FromSeconds(30));
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(30));
    }

    // The host's catch-all answers an upgrade like any request, which is enough to see who was let in.
    private static HttpRequestMessage Socket()
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/terminal");
        request.Headers.Connection.Add("Upgrade");
        request.Headers.Upgrade.ParseAdd("websocket");
        return request;
    }

    private static string BadToken(TestAuthority authority, string fault)
    {
        switch (fault)
        {
            case "forged":
                using (var other = RSA.Create(2048))
                {
                    return authority.AccessToken(signing: new SigningCredentials(new RsaSecurityKey(other.ExportParameters(true)) { KeyId = "key-1" }, SecurityAlgorithms.RsaSha256));
                }

            case "expired":
                return authority.AccessToken(endsIn: -TimeSpan.FromMinutes(5));
            case "wrong audience":
                return authority.AccessToken(audience: "another-api");
            case "wrong issuer":
                return authority.AccessToken(issuer: "https://another.example");
            case "alg none":
                return Base64UrlEncoder.Encode("""{"alg":"none","typ":"JWT"}""") + "." + authority.AccessToken().Split('.')[1] + ".";
            case "alg HS256 with the public key":
                var modulus = Encoding.ASCII.GetBytes(Base64UrlEncoder.Encode(authority.Key.Rsa.ExportParameters(false).Modulus));
                return authority.AccessToken(signing: new SigningCredentials(new SymmetricSecurityKey(modulus) { KeyId = "key-1" }, SecurityAlgorithms.HmacSha256));
            case "tampered":
                var parts = authority.AccessToken("bob").Split('.');
                return parts[0] + "." + authority.AccessToken().Split('.')[1] + "." + parts[2];
            case "no user":
                return authority.AccessToken(user: "");
            case "empty":
                return "";
            default:
                return "not.a.token";
        }
    }
}
