using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.Tests.Identity;

public sealed class ClientKindTests
{
    [Theory]
    [InlineData("navigate", "document", null, "Navigation")]
    [InlineData("navigate", "iframe", null, "Navigation")]
    [InlineData("navigate", null, null, "Navigation")]
    [InlineData("cors", "empty", "text/html", "Program")]
    [InlineData("no-cors", "image", "text/html", "Program")]
    [InlineData("same-origin", "empty", null, "Program")]
    [InlineData("websocket", "websocket", null, "Program")]
    [InlineData(null, null, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "Navigation")]
    [InlineData(null, null, "text/html;q=0", "Program")]
    [InlineData(null, null, "*/*", "Program")]
    [InlineData(null, null, "application/json", "Program")]
    [InlineData(null, null, "not a media type html", "Program")]
    [InlineData(null, null, null, "Program")]
    public void Client_IsToldByFetchMetadataThenByAccept(string? mode, string? dest, string? accept, string expected)
    {
        Assert.Equal(Enum.Parse<ClientKind>(expected), Request("GET", mode, dest, accept).GetClientKind());
    }

    [Fact]
    public void Upgrade_IsAProgram_WhateverElseItSays()
    {
        var request = Request("GET", "navigate", "document", "text/html");
        request.Headers.Connection = "keep-alive, Upgrade";
        request.Headers.Upgrade = "websocket";

        Assert.Equal(ClientKind.Program, request.GetClientKind());
        Assert.False(request.IsBackground());
    }

    [Fact]
    public void ExtendedConnect_IsAnUpgrade() => Assert.True(Request("CONNECT", null, null, null).IsUpgrade());

    [Theory]
    [InlineData("GET", "cors", true)]
    [InlineData("HEAD", "no-cors", true)]
    [InlineData("GET", "navigate", false)]
    [InlineData("POST", "cors", false)]
    [InlineData("GET", null, false)]
    public void Read_IsBackground_WhenAPageMakesItByItself(string method, string? mode, bool expected)
    {
        Assert.Equal(expected, Request(method, mode, "empty", null).IsBackground());
    }

    [Fact]
    public void PrefetchedNavigation_IsBackground()
    {
        var request = Request("GET", "navigate", "document", null);
        request.Headers["Sec-Purpose"] = "prefetch;prerender";

        Assert.True(request.IsBackground());
    }

    private static HttpRequest Request(string method, string? mode, string? dest, string? accept)
    {
        var request = new DefaultHttpContext().Request;
        request.Method = method;
        request.Headers["Sec-Fetch-Mode"] = mode;
        request.Headers["Sec-Fetch-Dest"] = dest;
        request.Headers.Accept = accept;
        return request;
    }
}
