using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.FunctionalTests.Sample;

/// <summary>The sample workspace's door: only the gateway's word for this machine, now, opens it.</summary>
public sealed class AssertionCheckTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 6, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private WebApplication _gateway = null!;
    private WorkspaceFixture _workspace = null!;
    private string _published = "";
    private int _reads;

    public async Task InitializeAsync()
    {
        _published = Published(_key, "one");
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _gateway = builder.Build();
        _gateway.Run(context =>
        {
            Interlocked.Increment(ref _reads);
            return context.Response.WriteAsync(_published);
        });
        await _gateway.StartAsync();
        _workspace = await WorkspaceFixture.StartAsync(_time, new Uri(_gateway.Urls.Single() + "/.gateway/jwks.json"));
    }

    public async Task DisposeAsync()
    {
        await _workspace.DisposeAsync();
        await _gateway.DisposeAsync();
        _key.Dispose();
    }

    [Fact]
    public async Task GatewaysWord_LetsIn() => Assert.Equal(HttpStatusCode.OK, await AskAsync(Signed()));

    [Fact]
    public async Task NeighbourWithoutIt_IsRefused_AndLearnsOnlyThatTheWorkspaceIsUp()
    {
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(null));
        Assert.Equal(HttpStatusCode.OK, (await _workspace.Client.GetAsync("/api/health")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _workspace.Client.GetAsync("/index.html")).StatusCode);
        await Assert.ThrowsAsync<System.Net.WebSockets.WebSocketException>(_workspace.OpenTerminalAsync);
    }

    [Theory]
    [InlineData("{\"aud\":\"d8d0000000000b\",\"sub\":\"alice\",\"iat\":{0},\"exp\":{1}}")]
    [InlineData("{\"aud\":[\"d8d0000000000a\"],\"sub\":\"alice\",\"iat\":{0},\"exp\":{1}}")]
    [InlineData("{\"sub\":\"alice\",\"iat\":{0},\"exp\":{1}}")]
    [InlineData("{\"aud\":\"d8d0000000000a\",\"iat\":{0},\"exp\":{1}}")]
    [InlineData("{\"aud\":\"d8d0000000000a\",\"sub\":\"\",\"iat\":{0},\"exp\":{1}}")]
    [InlineData("{\"aud\":\"d8d0000000000a\",\"sub\":\"alice\",\"iat\":{0}}")]
    [InlineData("{\"aud\":\"d8d0000000000a\",\"sub\":\"alice\",\"iat\":{0},\"exp\":99999999999}")]
    [InlineData("[]")]
    [InlineData("")]
    public async Task SignedWordOfSomethingElse_IsRefused(string payload) => Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(Signed(payload)));

    [Fact]
    public async Task OldWord_IsRefused_AlsoOneThatWasBelievedBefore()
    {
        var assertion = Signed();
        Assert.Equal(HttpStatusCode.OK, await AskAsync(assertion));

        _time.Advance(TimeSpan.FromMinutes(7));

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(assertion));
    }

    [Fact]
    public async Task WordUnderAnotherKeyOfTheSameName_IsRefused()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(Signed(key: other)));
    }

    [Theory]
    [InlineData("{\"alg\":\"none\",\"kid\":\"one\"}")]
    [InlineData("{\"alg\":\"HS256\",\"kid\":\"one\"}")]
    [InlineData("{\"alg\":\"ES256\"}")]
    [InlineData("{\"alg\":\"ES256\",\"kid\":\"unknown\"}")]
    [InlineData("{}")]
    public async Task OtherAlgorithmOrKeyName_IsRefused(string header) => Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(Signed(header: header)));

    [Theory]
    [InlineData("..")]
    [InlineData("a.b.c")]
    [InlineData("e30.e30.")]
    [InlineData("not a token")]
    public async Task Rubbish_IsRefused(string assertion) => Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(assertion));

    [Fact]
    public async Task RotatedKey_IsLookedUp_AndUnknownOnesAreNotAskedForOnEachWhim()
    {
        Assert.Equal(HttpStatusCode.OK, await AskAsync(Signed()));
        using var next = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _published = Published(next, "two");
        _time.Advance(TimeSpan.FromSeconds(3));

        Assert.Equal(HttpStatusCode.OK, await AskAsync(Signed(header: "{\"alg\":\"ES256\",\"kid\":\"two\"}", key: next)));
        for (var whim = 0; whim < 20; whim++)
        {
            await AskAsync(Signed(header: $$"""{"alg":"ES256","kid":"whim{{whim}}"}"""));
        }

        Assert.Equal(2, _reads);
    }

    private async Task<HttpStatusCode> AskAsync(string? assertion)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/env");
        if (assertion is not null)
        {
            request.Headers.TryAddWithoutValidation("Gateway-Assertion", assertion);
        }

        using var answer = await _workspace.Client.SendAsync(request);
        return answer.StatusCode;
    }

    private string Signed(string? payload = null, string header = "{\"alg\":\"ES256\",\"kid\":\"one\"}", ECDsa? key = null)
    {
        var now = _time.GetUtcNow().ToUnixTimeSeconds();
        payload ??= "{\"aud\":\"" + WorkspaceFixture.Machine + "\",\"sub\":\"alice\",\"iat\":{0},\"exp\":{1}}";
        payload = payload.Replace("{0}", now.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{1}", (now + 300).ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal);
        var text = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload))}";
        return $"{text}.{Base64Url.EncodeToString((key ?? _key).SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256))}";
    }

    private static string Published(ECDsa key, string id)
    {
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        return $$"""{"keys":[{"kty":"EC","crv":"P-256","kid":"{{id}}","x":"{{Base64Url.EncodeToString(point.X)}}","y":"{{Base64Url.EncodeToString(point.Y)}}"}]}""";
    }
}
