using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.Tests.Identity;

public sealed class RefusalTests
{
    private static readonly Refusal Nasty = new(503, "host-full", "<script>alert(1)</script>", "\"quoted\" & <b>bold</b>")
    {
        GatewayState = "waking",
        RetryAfter = TimeSpan.FromMilliseconds(1500),
        Extras = new Dictionary<string, string> { ["machine"] = "<m>" },
    };

    [Fact]
    public async Task Program_GetsAProblemDocument()
    {
        var context = Context();

        await RefusalResponse.WriteAsync(context, Nasty, ClientKind.Program);

        using var problem = JsonDocument.Parse(Body(context));
        Assert.Equal("application/problem+json", context.Response.ContentType);
        Assert.Equal("urn:gateway:problem:host-full", problem.RootElement.GetProperty("type").GetString());
        Assert.Equal(503, problem.RootElement.GetProperty("status").GetInt32());
        Assert.Equal("<m>", problem.RootElement.GetProperty("machine").GetString());
    }

    [Fact]
    public async Task Headers_SayStateAndWhenToTryAgain_AndNothingIsStored()
    {
        var context = Context();

        await RefusalResponse.WriteAsync(context, Nasty, ClientKind.Program);

        Assert.Equal(503, context.Response.StatusCode);
        Assert.Equal("waking", context.Response.Headers["Gateway-State"]);
        Assert.Equal("2", context.Response.Headers.RetryAfter);
        Assert.Equal("no-store", context.Response.Headers.CacheControl);
    }

    [Fact]
    public async Task Person_GetsAPage_WithEverythingEncodedAndNothingLoaded()
    {
        var context = Context();

        await RefusalResponse.WriteAsync(context, Nasty, ClientKind.Navigation);

        var page = Body(context);
        Assert.Equal("text/html; charset=utf-8", context.Response.ContentType);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("://", page, StringComparison.Ordinal);
        Assert.Contains("width=device-width", page, StringComparison.Ordinal);
        Assert.Contains("color-scheme:light dark", page, StringComparison.Ordinal);
        var policy = context.Response.Headers.ContentSecurityPolicy.ToString();
        Assert.StartsWith("default-src 'none'; style-src 'sha256-", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RetryAfter_IsNeverZero()
    {
        var context = Context();

        await RefusalResponse.WriteAsync(context, Nasty with { RetryAfter = TimeSpan.Zero }, ClientKind.Program);

        Assert.Equal("1", context.Response.Headers.RetryAfter);
    }

    private static DefaultHttpContext Context() => new() { Response = { Body = new MemoryStream() } };

    private static string Body(HttpContext context) => Encoding.UTF8.GetString(((MemoryStream)context.Response.Body).ToArray());
}
